// Gives a Python that has a client of kdb+: node scripts/python-clients.mjs qpython|pykx
// The environment is made when it is not there yet, and kept. The last line on stdout is the path of its interpreter.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv, cwd } from 'node:process'

/** What each client needs, by its name in the index of Python packages. */
const PACKAGES = {
  // The last releases of numpy that qPython works with.
  qpython: ['numpy<2', 'qPython==2.0.0'],
  // Used without a licence of q: for IPC none is needed.
  pykx: ['pykx==4.2.0'],
}

const [, , client] = argv
if (!Object.hasOwn(PACKAGES, client ?? '')) {
  console.error(`Expected one of ${Object.keys(PACKAGES).join(', ')}, got \`${client}\``)
  process.exit(2)
}

const home = join(cwd(), '.cache', 'python', client)
const python = join(home, 'bin', 'python')
/** Written last: an installation that was broken off is made anew. */
const complete = join(home, 'complete')
if (!existsSync(complete)) {
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  run('python3', ['-m', 'venv', home])
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES[client]])
  writeFileSync(complete, '')
}
console.log(python)

function run(program, args) {
  const { error, status } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (error?.code === 'ENOENT') {
    console.error(`${program} is missing`)
    process.exit(127)
  }
  if (error || status !== 0) {
    console.error(`${program} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}`)
    process.exit(1)
  }
}
