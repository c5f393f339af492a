import { join } from 'node:path'
import { attempt } from './attempt.js'
import { findPrograms, type Program } from './catalog.js'
import { install, versionIn } from './install.js'
import { readOptions } from './options.js'
import { type Result, readResults, writeResults } from './results.js'

/** Lines of the output of what did not work. */
const LINES_SHOWN = 12

const options = readOptions()
// What runs then is killed at the exit.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const all = findPrograms()
const unknown = options.only.find((name) => !all.some((program) => program.package === name))
if (unknown !== undefined)
  throw new RangeError(`Expected --only to be a package with a program, got \`${unknown}\``)
process.exitCode = (await tryAll()) ? 0 : 1

async function tryAll(): Promise<boolean> {
  const queue = all.filter(({ package: name }) => options.only.length === 0 || options.only.includes(name))
  const seen: Record<string, Result> = {}
  const work = async () => {
    for (let program = queue.shift(); program; program = queue.shift())
      seen[program.row] = await tryOne(program)
  }
  await Promise.all(Array.from({ length: options.jobs }, work))
  if (options.write) writeResults(readResults(), seen, all)
  return Object.values(seen).every(({ word }) => word !== 'fails')
}

async function tryOne(program: Program): Promise<Result> {
  const home = await install(program)
  const path = join(home, 'programs', program.file)
  const { word, reason, output } = await attempt(program, path, options)
  const version = versionIn(home, program)
  console.log(`${program.row} ${version}: ${word}${reason ? ` (${reason})` : ''}`)
  if (options.verbose && output) console.log(lastLines(output))
  return { version, word, reason }
}

function lastLines(output: string): string {
  return output
    .trimEnd()
    .split('\n')
    .slice(-LINES_SHOWN)
    .map((line) => `  | ${line}`)
    .join('\n')
}
