import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** See `bench/bare-fork/addon.c`. */
export interface BareFork {
  /** Finds the mappings marked `MADV_DONTFORK`, and returns their number. */
  look(): number
  /** Removes these marks. Nothing may have been mapped since `look`. */
  handDown(): void
  /** Restores the marks. */
  takeBack(): void
  /** Duration of fork(2) alone, in milliseconds. */
  bareFork(): number
}

// This file runs from build/bench/bare-fork.
const SOURCE = new URL('../../../bench/bare-fork/addon.c', import.meta.url)

/** Compiles and loads the addon. */
export function loadBareFork(): BareFork {
  const folder = mkdtempSync(join(tmpdir(), 'qclone-bench-'))
  try {
    const addon = join(folder, 'bare-fork.node')
    compile(addon)
    return createRequire(import.meta.url)(addon) as BareFork
  } finally {
    // Once loaded, the addon no longer needs its file.
    rmSync(folder, { recursive: true })
  }
}

function compile(addon: string): void {
  const compiler = process.env.CC ?? 'cc'
  try {
    execFileSync(compiler, ['-O2', '-Wall', '-shared', '-fPIC', '-o', addon, fileURLToPath(SOURCE)])
  } catch (cause) {
    throw new Error(`This needs a C compiler, and \`${compiler}\` failed: set CC to a working one`, { cause })
  }
}
