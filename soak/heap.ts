import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { readArgs } from '../harness/args.js'
import { printTable } from '../harness/table.js'

const options = readArgs(
  `Usage: npm run soak -- heap [options]

Processes with their heap in the arena change it all the time, with contents that are verified in them and in their
clones; others end in every way, as soon as they have begun. Met when none crashes, none hangs and all is as it was
written.`,
  {
    seconds: { about: 'how long', fallback: 60, min: 5, max: 86_400 },
    lanes: { about: 'processes at a time', fallback: 2, min: 1, max: 64 },
    'life-seconds': { about: 'life of a process that changes its heap', fallback: 15, min: 1, max: 3600 },
    exits: { about: 'processes that end at once, for each of these', fallback: 12, min: 0, max: 1000 },
  },
)

const CHURN = fileURLToPath(new URL('heap/churn.js', import.meta.url))
const END = fileURLToPath(new URL('heap/end.js', import.meta.url))
const ENDS = ['natural', 'exit', 'worker', 'uncaught', 'clone', 'many-workers', 'gc'] as const
/** Time beyond its lifetime after which a process counts as hung. */
const GRACE_MS = 60_000

const tally = { churns: 0, ends: 0, rounds: 0, forks: 0, bad: 0 }
const deadline = Date.now() + options.seconds * 1000

async function play(script: string, args: readonly string[], expected: number): Promise<string> {
  const child = spawn(process.execPath, ['--expose-gc', '--max-old-space-size=2000', script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] = (said[name] + text).slice(-4000)
    })
  }
  const timer = setTimeout(() => child.kill('SIGABRT'), options['life-seconds'] * 1000 + GRACE_MS)
  const [status, signal] = await once(child, 'close')
  clearTimeout(timer)
  if (status !== expected) {
    tally.bad++
    console.error(`${script} ${args.join(' ')}: ${signal ?? status}\n${said.stdout}\n${said.stderr}`)
  }
  return said.stdout
}

async function lane(number: number): Promise<void> {
  for (let turn = 0; Date.now() < deadline; turn++) {
    const life = Math.max(1, Math.min(options['life-seconds'], (deadline - Date.now()) / 1000))
    const said = await play(CHURN, [String(number * 1_000_003 + turn), String(Math.ceil(life))], 0)
    tally.churns++
    const [, rounds = 0, forks = 0] = /rounds (\d+) forks (\d+)/.exec(said) ?? []
    tally.rounds += Number(rounds)
    tally.forks += Number(forks)
    for (let i = 0; i < options.exits && Date.now() < deadline; i++) {
      const how = ENDS[(turn + i) % ENDS.length] as (typeof ENDS)[number]
      await play(END, [how], how === 'uncaught' ? 1 : how === 'exit' ? 7 : 0)
      tally.ends++
    }
  }
}

await Promise.all(Array.from({ length: options.lanes }, (_, number) => lane(number)))
const met = tally.bad === 0 && tally.rounds > 0
if (options.json) console.log(JSON.stringify({ node: process.version, ...tally, met }))
else printTable([{ node: process.version, ...tally, met }])
process.exitCode = met ? 0 : 1
