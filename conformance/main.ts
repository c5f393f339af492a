import { findPrograms, type Program } from './catalog.js'
import { judgeClone, judgePlain } from './compare.js'
import { install } from './install.js'
import { readOptions } from './options.js'
import { failureInWords, passed, printFigures, type Verdict, verdict } from './report.js'
import { startServers } from './servers.js'
import { runProgram } from './ways.js'

const options = readOptions()
// On exit, everything that still runs is killed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const programs = findPrograms(options.programs, options.filter)
if (options.list) console.log(programs.map(({ name }) => name).join('\n'))
else {
  if (options.packages) {
    await install()
    await startServers()
  }
  process.exitCode = (await conform()) ? 0 : 1
}

async function conform(): Promise<boolean> {
  const verdicts: Verdict[] = []
  const queue = [...programs]
  const work = async () => {
    for (let program = queue.shift(); program; program = queue.shift()) {
      for await (const verdict of judge(program)) {
        verdicts.push(verdict)
        if (!passed(verdict)) process.stderr.write(failureInWords(verdict))
      }
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, work))
  const failures = verdicts.filter((verdict) => !passed(verdict))
  if (options.json) {
    console.log(JSON.stringify({ node: process.version, programs: programs.length, verdicts }))
  } else {
    printFigures(verdicts)
    if (failures.length > 0) console.log(`Failed:\n${failures.map(failureInWords).join('')}`)
  }
  // A filter that matches no program proves nothing.
  return verdicts.length > 0 && failures.length === 0
}

async function* judge(program: Program): AsyncGenerator<Verdict> {
  const plain = await runProgram(program, 'plain', options.deadlineMs)
  yield verdict(program.name, 'plain', plain, judgePlain(program, plain))
  for (const way of ['quiet', 'busy'] as const) {
    const clone = await runProgram(program, way, options.deadlineMs)
    yield verdict(program.name, way, clone, judgeClone(plain, clone))
  }
}
