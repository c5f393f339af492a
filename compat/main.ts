import { basename, dirname, join } from 'node:path'
import { attempt, type Outcome } from './attempt.js'
import { findPrograms, type Program, readProgram } from './catalog.js'
import { install, versionIn } from './install.js'
import { readOptions } from './options.js'
import { type Result, writeResult } from './results.js'

/** Maximum number of output lines shown for a failure. */
const LINES_SHOWN = 12

const options = readOptions()
// Ends through `process.exit()`, so that everything that still runs is killed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const all = findPrograms()
const unknown = options.only.find((name) => !all.some((program) => program.package === name))
if (unknown !== undefined)
  throw new RangeError(`Expected --only to be a package with a program, got \`${unknown}\``)
process.exitCode = (await act()) ? 0 : 1

function act(): boolean | Promise<boolean> {
  if (options.list) return list()
  return options.program === undefined ? tryAll() : tryAsItIs(options.program)
}

function list(): true {
  for (const { row } of all) console.log(row)
  return true
}

async function tryAsItIs(path: string): Promise<boolean> {
  const outcome = await attempt(readProgram(basename(path), dirname(path)), path, options)
  console.log(JSON.stringify(outcome))
  return outcome.word !== 'fails'
}

async function tryAll(): Promise<boolean> {
  const queue = all.filter(({ package: name }) => options.only.length === 0 || options.only.includes(name))
  let failures = 0
  const work = async () => {
    for (let program = queue.shift(); program; program = queue.shift()) {
      const result = await tryOne(program)
      if (result.word === 'fails') failures++
      // Written one by one, so that an interrupted run keeps its results.
      if (options.write) writeResult(program.row, result, all)
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, work))
  return failures === 0
}

async function tryOne(program: Program): Promise<Result> {
  const { version, word, reason, output } = await installAndTry(program)
  console.log(`${program.row} ${version}: ${word}${reason ? ` (${reason})` : ''}`)
  if (options.verbose && output) console.log(lastLines(output))
  return { version, word, reason }
}

async function installAndTry(program: Program): Promise<Outcome & { version: string }> {
  let home: string
  try {
    home = await install(program)
  } catch (error) {
    return { version: '', word: 'not tried', reason: 'not installed', output: String(error) }
  }
  const outcome = await attempt(program, join(home, 'programs', program.file), options)
  return { ...outcome, version: versionIn(home, program) }
}

function lastLines(output: string): string {
  return output
    .trimEnd()
    .split('\n')
    .slice(-LINES_SHOWN)
    .map((line) => `  | ${line}`)
    .join('\n')
}
