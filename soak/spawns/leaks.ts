import { execFile } from 'node:child_process'
import { clones, spawn } from 'node-qclone'
import { children } from '../../harness/proc.js'
import { type Standing, standing } from '../../harness/standing.js'

// By then Node has read and compiled its own program, which increases RSS for a while.
const WARM_UP = 1000
const WARM_UP_COMMANDS = 100
const STATUSES = 256
/** V8 maps and unmaps at will. One leaked mapping per spawn would add up to thousands. */
const MAPPINGS_TOLERANCE = 100
const RSS_TOLERANCE_MB = 20

export interface LeakResult {
  spawns: number
  wrongStatuses: number
  commands: number
  wrongCommands: number
  before: Standing
  after: Standing
  childrenLeft: number
  clonesListed: number
  spawnsPerSecond: number
  met: boolean
}

/** Makes many clones while running commands with `child_process`. Each must get its own status. */
export async function lookForLeaks(spawns: number, concurrency: number): Promise<LeakResult> {
  await spawnMany(WARM_UP, concurrency)
  await runCommands((count) => count < WARM_UP_COMMANDS)
  const before = await standing()
  const begun = performance.now()
  let done = false
  const [wrongStatuses, commands] = await Promise.all([
    spawnMany(spawns, concurrency).finally(() => {
      done = true
    }),
    runCommands(() => !done),
  ])
  const seconds = (performance.now() - begun) / 1000
  const after = await standing()
  const childrenLeft = children().length
  const clonesListed = clones().length
  const met =
    wrongStatuses + commands.wrong + childrenLeft + clonesListed === 0 &&
    after.descriptors === before.descriptors &&
    Math.abs(after.mappings - before.mappings) <= MAPPINGS_TOLERANCE &&
    after.rssMb <= before.rssMb + RSS_TOLERANCE_MB
  return {
    spawns,
    wrongStatuses,
    commands: commands.count,
    wrongCommands: commands.wrong,
    before,
    after,
    childrenLeft,
    clonesListed,
    spawnsPerSecond: Math.round(spawns / seconds),
    met,
  }
}

/** @returns number of clones whose exit status was not their own. */
async function spawnMany(count: number, concurrency: number): Promise<number> {
  let begun = 0
  let wrong = 0
  const lane = async () => {
    while (begun < count) {
      const expected = begun++ % STATUSES
      const { pid, exited } = spawn((status) => status, expected)
      const { exited: left, status, pid: reaped } = await exited
      if (!left || status !== expected || reaped !== pid) wrong++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  return wrong
}

/** Runs commands one after another while `goOn` returns `true`. */
async function runCommands(goOn: (count: number) => boolean): Promise<{ count: number; wrong: number }> {
  let count = 0
  let wrong = 0
  for (; goOn(count); count++) {
    const expected = count % STATUSES
    if ((await statusOfShell(expected)) !== expected) wrong++
  }
  return { count, wrong }
}

function statusOfShell(status: number): Promise<unknown> {
  return new Promise((resolve) => {
    execFile('sh', ['-c', `exit ${status}`], (error) => resolve(error ? error.code : 0))
  })
}
