// Installs packed tarballs into empty projects, and uses the package there: node scripts/packed/try.mjs FOLDER
// With --types, also compiles and runs TypeScript projects with each kind of module resolution.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { argv, env, execPath } from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { run } from './run.mjs'

const NAME = 'node-qclone'
/** Last TypeScript line that supports `node10`, and the oldest types of Node. */
const FOR_TYPES = { typescript: '~5.9.3', '@types/node': '^20.19.0' }
/** TypeScript of this repository, if it is installed: newer, and without `node10`. */
const OWN_TSC = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url))

/** Kinds of projects, by the names of their folders. */
const KINDS = {
  node10: { type: 'commonjs', module: 'commonjs', moduleResolution: 'node10' },
  node16: { type: 'module', module: 'node16', moduleResolution: 'node16' },
  nodenext: { type: 'module', module: 'nodenext', moduleResolution: 'nodenext' },
  'nodenext-commonjs': { type: 'commonjs', module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { type: 'module', module: 'preserve', moduleResolution: 'bundler' },
}

/** Code of a project: a clone must answer, with the binary from the platform's own package. */
const USE = `
const { run } = qclone
run((n) => n * 7, 6).then((answer) => {
  const maps = readFileSync('/proc/self/maps', 'utf8')
  const [binary] = /[^/]*\\/[^/]*\\.node$/m.exec(maps) ?? []
  console.log(JSON.stringify({ answer, binary, entries: entries.map((entry) => Object.keys(entry).length) }))
})`

/** Tries the tarballs in `folder`. @returns a line for each way that worked. @throws {Error} at the first failure. */
export function tryPacked(folder, { types = false } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'qclone-try-'))
  const lines = []
  try {
    const entries = install(home, folder, types ? FOR_TYPES : {})
    for (const [name, source] of [
      ['esm.mjs', esm(entries)],
      ['commonjs.cjs', commonjs(entries)],
    ]) {
      writeFileSync(join(home, name), source)
      lines.push(`${name}: ${use(home, name, entries)}`)
    }
    if (types) for (const kind of Object.keys(KINDS)) lines.push(...tryKind(home, kind, entries))
  } finally {
    rmSync(home, { recursive: true })
  }
  return lines
}

/** Installs as a user would, with tarballs instead of published packages. Returns the entries of the package. */
function install(home, folder, devDependencies) {
  const tarballs = readdirSync(folder).filter((file) => file.endsWith('.tgz'))
  const specs = tarballs.map((file) => [file.replace(/-\d.*$/, ''), `file:${resolve(folder, file)}`])
  const { [NAME]: own, ...overrides } = Object.fromEntries(specs)
  if (own === undefined) throw new Error(`${folder} has no tarball of ${NAME}`)
  const manifest = { private: true, dependencies: { [NAME]: own }, devDependencies, overrides }
  writeFileSync(join(home, 'package.json'), JSON.stringify(manifest))
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: home, env: withoutRust() })
  const installed = readdirSync(join(home, 'node_modules')).filter((name) => name.startsWith(`${NAME}-`))
  if (installed.length !== 1) throw new Error(`Expected one platform package, got ${installed.join(', ')}`)
  const { exports } = JSON.parse(readFileSync(join(home, 'node_modules', NAME, 'package.json'), 'utf8'))
  return Object.keys(exports)
    .filter((path) => exports[path].types)
    .map((path) => path.replace('.', NAME))
}

function withoutRust() {
  const folders = (env.PATH ?? '').split(delimiter)
  return { ...env, PATH: folders.filter((folder) => !existsSync(join(folder, 'cargo'))).join(delimiter) }
}

/** Runs a program of a project, and returns a summary of its output. */
function use(cwd, file, entries) {
  const { answer, binary, entries: sizes } = JSON.parse(run(execPath, [file], { cwd, env: withoutRust() }))
  const isRight = answer === 42 && sizes.length === entries.length && sizes.every((size) => size > 0)
  if (!isRight || !binary?.startsWith(`${NAME}-`)) {
    throw new Error(`${file} told ${JSON.stringify({ answer, binary, sizes })}`)
  }
  return `${entries.join(', ')}, with ${dirname(binary)}`
}

function esm(entries) {
  const imports = entries.map((name, index) => `import * as entry${index} from '${name}'\n`)
  return `import { readFileSync } from 'node:fs'\n${imports.join('')}
const qclone = entry0
const entries = [${entries.map((_, index) => `entry${index}`)}]
${USE}\n`
}

function commonjs(entries) {
  return `const { readFileSync } = require('node:fs')
const entries = [${entries.map((name) => `require('${name}')`)}]
const [qclone] = entries
${USE}\n`
}

/** Returns the same program with a check of the types: an \`any\` would pass everything else. */
function typescript(entries) {
  return `${esm(entries).replace('(n) =>', '(n: number) =>')}
import type { CloneOptions } from '${NAME}'
const options: CloneOptions = { timeout: 10_000 }
export const answer: () => Promise<number> = () => run.with(options)((n: number) => n * 7, 6)
// @ts-expect-error The answer is a number.
export const text: () => Promise<string> = () => run.with(options)((n: number) => n * 7, 6)\n`
}

function tryKind(home, kind, entries) {
  const { type, ...resolution } = KINDS[kind]
  const folder = join(home, kind)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type }))
  writeFileSync(join(folder, 'use.ts'), typescript(entries))
  const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false }
  const compilerOptions = { ...resolution, ...strict, target: 'es2022', lib: ['es2022'], types: ['node'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }))
  const compilers = [join(home, 'node_modules/.bin/tsc')]
  if (existsSync(OWN_TSC) && kind !== 'node10') compilers.push(OWN_TSC)
  return compilers.map((tsc) => {
    const version = run(tsc, ['--version']).trim()
    run(tsc, ['--project', folder])
    return `${kind}, ${version}: ${use(folder, 'use.js', entries)}`
  })
}

if (argv[1] && import.meta.url === pathToFileURL(argv[1]).href) {
  const [folder, ...flags] = argv.slice(2)
  for (const line of tryPacked(folder, { types: flags.includes('--types') })) console.log(line)
}
