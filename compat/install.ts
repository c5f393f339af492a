import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { execPath, versions } from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { PROGRAMS, type Program } from './catalog.js'

/**
Addons that are compiled locally. Their prebuilt binaries come from separate hosts, and argon2's does not run on every
Node 20.
*/
const COMPILED = ['argon2', 'better-sqlite3', 'sqlite3', 'zstd-napi']
const CACHE = resolve('.cache/compat')
/** Compiled helpers that start servers. */
const SERVICES = fileURLToPath(new URL('../harness/services.js', import.meta.url))
const QUIET = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']

/**
Installs a program's packages into a separate folder, unless they are there, and puts the programs next to them, so
that imports resolve as usual.

@returns the folder.
*/
export async function install(program: Program): Promise<string> {
  const home = join(CACHE, versions.node.split('.', 1)[0] ?? '', program.file)
  const names = [program.package, ...program.with]
  const installed = join(home, 'installed')
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== names.join()) {
    rmSync(home, { recursive: true, force: true })
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
    // `@*` installs the newest version that supports this Node. Without a range, npm would not check that.
    await npm(home, ['install', '--ignore-scripts', ...names.map((name) => `${name}@*`)])
    for (const name of COMPILED.filter((name) => names.includes(name))) await npm(home, ['rebuild', name])
    writeFileSync(installed, names.join())
  }
  const laid = join(home, 'programs')
  rmSync(laid, { recursive: true, force: true })
  cpSync(PROGRAMS, laid, { recursive: true })
  cpSync(SERVICES, join(laid, 'lib/harness-services.mjs'))
  return home
}

/** Version of the package in the folder that {@link install} returned. */
export function versionIn(home: string, { package: name }: Program): string {
  return JSON.parse(readFileSync(join(home, 'node_modules', name, 'package.json'), 'utf8')).version
}

async function npm(home: string, args: readonly string[]): Promise<void> {
  // Uses the headers next to this Node's binary, if there are any, instead of downloading them.
  const prefix = dirname(dirname(execPath))
  const headers = existsSync(join(prefix, 'include/node/node.h')) ? { npm_config_nodedir: prefix } : {}
  const env = { ...process.env, ...headers, npm_config_build_from_source: 'true' }
  await promisify(execFile)('npm', [...args, ...QUIET], { cwd: home, env })
}
