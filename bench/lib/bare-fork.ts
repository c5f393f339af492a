import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** See `bench/native/bare-fork.c`. */
export interface BareFork {
  /** Learns which mappings are marked `MADV_DONTFORK`, and returns their number. */
  look(): number
  /** Takes these marks off. Nothing may be mapped since `look`. */
  handDown(): void
  /** Puts them back. */
  takeBack(): void
  /** Milliseconds of fork(2) alone. */
  bareFork(): number
}

// From build/bench/lib, where this runs.
const SOURCE = new URL('../../../bench/native/bare-fork.c', import.meta.url)

/** Compiles the addon, and loads it. */
export function loadBareFork(): BareFork {
  const folder = mkdtempSync(join(tmpdir(), 'qclone-bench-'))
  try {
    const addon = join(folder, 'bare-fork.node')
    compile(addon)
    return createRequire(import.meta.url)(addon) as BareFork
  } finally {
    // Loaded, it needs no file any more.
    rmSync(folder, { recursive: true })
  }
}

function compile(addon: string): void {
  const compiler = process.env.CC ?? 'cc'
  try {
    execFileSync(compiler, ['-O2', '-Wall', '-shared', '-fPIC', '-o', addon, fileURLToPath(SOURCE)])
  } catch (cause) {
    throw new Error(`This needs a C compiler, and \`${compiler}\` did not do: set CC to one`, { cause })
  }
}
