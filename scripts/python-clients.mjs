// Provides a Python with a kdb+ client, HTTP test tools, or a spell checker:
// node scripts/python-clients.mjs qpython|pykx|h1|typos
// Creates the environment if it does not exist, and keeps it. The last line on stdout is the path of its interpreter.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv, cwd } from 'node:process'

/** Packages that each client needs, by their names on PyPI. */
const PACKAGES = {
  // qPython does not work with later releases of numpy.
  qpython: ['numpy<2', 'qPython==2.0.0'],
  // IPC needs no q license.
  pykx: ['pykx==4.2.0'],
  h1: ['redbot==2.7.1', 'h11==0.16.0'],
  typos: ['typos==1.52.0'],
}
/** Packages whose sources are downloaded to `sources`, because their tests are not installed. */
const SOURCES = {
  h1: ['gunicorn==27.0.1'],
}

const [, , client] = argv
if (!Object.hasOwn(PACKAGES, client ?? '')) {
  console.error(`Expected one of ${Object.keys(PACKAGES).join(', ')}, got \`${client}\``)
  process.exit(2)
}

const PIP = ['-m', 'pip', '--quiet', '--disable-pip-version-check']
const home = join(cwd(), '.cache', 'python', client)
const python = join(home, 'bin', 'python')
/** Written last, so that an interrupted installation is repeated. */
const complete = join(home, 'complete')
if (!existsSync(complete)) {
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  run('python3', ['-m', 'venv', home])
  run(python, [...PIP, 'install', ...PACKAGES[client]])
  for (const name of SOURCES[client] ?? []) unpack(name)
  writeFileSync(complete, '')
}
console.log(python)

function unpack(name) {
  const sources = join(home, 'sources')
  run(python, [...PIP, 'download', '--no-deps', '--no-binary', ':all:', '--dest', sources, name])
  for (const file of readdirSync(sources).filter((file) => file.endsWith('.tar.gz'))) {
    run(python, ['-m', 'tarfile', '--extract', join(sources, file), sources])
  }
}

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
