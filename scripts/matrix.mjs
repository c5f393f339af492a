// Runs the compiled tests, or any command, under each supported Node line:
//   node scripts/matrix.mjs [--lines 22,24] [-- command ...args]
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { arch, argv, cwd, env, platform } from 'node:process'
import { parseArgs } from 'node:util'
import { countTests } from './count-tests.mjs'

const SUPPORTED_LINES = linesOfCi()
const AVA = ['node', 'node_modules/ava/entrypoints/cli.mjs']
const CACHE = join(cwd(), '.cache', 'node')

const { lines, command } = readArguments()
let failures = 0
const report = []
for (const line of lines) {
  const { text, ok } = await runUnder(line, command)
  failures += ok ? 0 : 1
  report.push(text)
}
console.log(`\n${report.join('\n')}`)
process.exitCode = failures === 0 ? 0 : 1

/** Returns the Node lines that CI tests, which are the supported ones. */
function linesOfCi() {
  const workflow = readFileSync(join(cwd(), '.github', 'workflows', 'ci.yml'), 'utf8')
  const [, lines] = /^ *node: \[([\d, ]+)\]$/m.exec(workflow) ?? []
  if (!lines) throw new Error('.github/workflows/ci.yml names no lines of Node')
  return lines.split(',').map((line) => line.trim())
}

/** Returns the lines in which ava names the failed tests. */
function failedIn(output) {
  return output.split('\n').filter((shown) => /^\s*✘ /.test(shown))
}

function readArguments() {
  const { values, positionals } = parseArgs({
    args: argv.slice(2),
    options: { lines: { type: 'string' } },
    allowPositionals: true,
  })
  const lines = values.lines?.split(',').map((line) => line.trim()) ?? SUPPORTED_LINES
  const unknown = lines.find((line) => !/^\d+$/.test(line))
  if (unknown !== undefined)
    throw new TypeError(`Expected \`--lines\` to be Node majors such as 22,24, got \`${unknown}\``)
  return { lines, command: positionals.length > 0 ? positionals : undefined }
}

/** Runs one line of the matrix: installs its Node, runs the command under it, and describes the result. */
async function runUnder(line, command) {
  try {
    const node = await install(line)
    const environment = environmentOf(node)
    const version = (await run([node, '--version'], { environment, echo: false })).output.trim()
    console.log(`\n--- Node ${line} (${version})`)
    const [program, ...args] = command ?? AVA
    const { code, signal, output } = await run([program, ...args], {
      environment,
      tee: command === undefined,
    })
    const { summaries, passed, failed } = countTests(output)
    const ran = command !== undefined || summaries > 0
    const ok = code === 0 && ran
    const how = ok ? 'ok' : `FAILED (${ran ? (signal ?? `exit code ${code}`) : 'ran no test'})`
    const counts = command === undefined ? `, ${passed} passed, ${failed} failed` : ''
    return {
      ok,
      text: [`Node ${line} (${version}): ${how}${counts}`, ...failedIn(output)].join('\n'),
    }
  } catch (error) {
    return { ok: false, text: `Node ${line}: FAILED (${error.message})` }
  }
}

/** Returns the path of that line's `node`, from the npm package with the binary. Keeps it for the next run. */
async function install(line) {
  if (platform !== 'linux') throw new Error(`no Node binaries for ${platform}`)
  const name = `node-linux-${arch}`
  const home = join(CACHE, line)
  const node = join(home, 'node_modules', name, 'bin', 'node')
  if (existsSync(node)) return node
  mkdirSync(CACHE, { recursive: true })
  // Installs into a draft folder and moves it into place, so that a broken installation is never used.
  const draft = mkdtempSync(join(CACHE, `${line}-`))
  try {
    writeFileSync(join(draft, 'package.json'), '{ "private": true }\n')
    const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', '--loglevel=error']
    const npm = ['npm', 'install', '--prefix', draft, ...quiet, `${name}@${line}`]
    const { code, output } = await run(npm, { environment: env, echo: false })
    if (code !== 0) throw new Error(`could not install ${name}@${line}: ${output.trim()}`)
    // mkdtemp grants access only to this user; tests run it as another.
    chmodSync(draft, 0o755)
    rmSync(home, { recursive: true, force: true })
    renameSync(draft, home)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return node
}

/** Returns this process's environment, changed so that every child finds that `node`. */
function environmentOf(node) {
  const PATH = [dirname(node), env.PATH].join(delimiter)
  return { ...env, PATH, NODE: node, npm_node_execpath: node }
}

/** Runs a command to its end. `tee` shows and keeps output, `echo: false` only keeps it; the default inherits it. */
function run([program, ...args], { environment, tee = false, echo = true }) {
  const kept = tee || !echo
  const stdio = kept ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit']
  const child = spawn(program, args, { env: environment, stdio })
  let output = ''
  for (const [from, to] of kept
    ? [
        [child.stdout, process.stdout],
        [child.stderr, process.stderr],
      ]
    : []) {
    from.setEncoding('utf8')
    from.on('data', (text) => {
      output += text
      if (echo) to.write(text)
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}
