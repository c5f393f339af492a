import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { execPath, versions } from 'node:process'
import { promisify } from 'node:util'
import { PACKAGES } from './catalog.js'

const execute = promisify(execFile)
const QUIET = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']

/** Addons that are compiled locally. Otherwise their packages would download one from wherever they host it. */
const COMPILED = ['better-sqlite3']

/**
Installs everything that programs with packages need: npm packages, addons compiled for this Node, and the servers, with
the system's package manager. Leaves existing installations as they are.
*/
export async function install(): Promise<void> {
  await execute('bash', [resolve('scripts/install-clients.sh'), 'redis-server', 'postgresql'])
  const wanted = readFileSync(join(PACKAGES, 'package.json'), 'utf8')
  if (noted('installed') !== wanted) {
    await npm(['install', '--ignore-scripts'])
    note('installed', wanted)
    note('compiled', '')
  }
  if (noted('compiled') !== versions.modules) {
    await npm(['rebuild', ...COMPILED])
    note('compiled', versions.modules ?? '')
  }
}

async function npm(args: readonly string[]): Promise<void> {
  // Uses the headers next to this Node's binary, if there are any, instead of downloading them.
  const prefix = dirname(dirname(execPath))
  const headers = existsSync(join(prefix, 'include/node/node.h')) ? { npm_config_nodedir: prefix } : {}
  await execute('npm', [...args, ...QUIET], { cwd: PACKAGES, env: { ...process.env, ...headers } })
}

const noteOf = (name: string) => join(PACKAGES, 'node_modules', `.conformance-${name}`)

function noted(name: string): string | undefined {
  return existsSync(noteOf(name)) ? readFileSync(noteOf(name), 'utf8') : undefined
}

function note(name: string, text: string): void {
  writeFileSync(noteOf(name), text)
}
