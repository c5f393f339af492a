import { readCommandLine, readName, readNames, readNumber } from '../../harness/args.js'
import { KINDS, type Kind } from './doors.js'
import { DIFFERENCE_KINDS } from './kinds.js'

export interface Options {
  readonly exchanges: number
  readonly minutes: number
  readonly seed: number
  readonly kinds: readonly Kind[]
  readonly jobs: number
  readonly connections: number
  /** One script. */
  readonly only: string | undefined
  readonly times: number
  readonly json: boolean
}

const USAGE = `Usage: npm run soak -- exchanges [options]

Sends random exchanges to servers that clone and to the same servers in plain Node, over connections of which every
byte is random: how it is cut, when it comes, and whether it is a message at all. Met when clones differ from plain
Node by nothing but the kinds below, no error is uncaught, nobody gets what is another's, no clone is left, and nothing
hangs that does not hang with plain Node. What fails is printed with the script that repeats it.

  --exchanges N    requests and messages, 1 to 100000000 (default 20000)
  --minutes N      limit, 1 to 1440 (default 60)
  --seed N         what the scripts are made of (default 1)
  --kinds A,B      of ${KINDS.join(', ')} (default all)
  --jobs N         pairs of servers at a time, 1 to 16 (default 2)
  --connections N  at a time, to each pair, 1 to 200 (default 24)
  --only KIND:N    play one script, and show all of it
  --times N        play it so often, over as many connections as others, 1 to 100000 (default 1)
  --json           print one JSON object on stdout instead of lines
  --help           print this

Differences that are known:

${DIFFERENCE_KINDS.map(({ name, sentence }) => `  ${name.padEnd(12)} ${sentence}\n`).join('')}`

/** Reads the command line. Exits with status 2 and an error message if it is invalid, or after printing the help. */
export function readOptions(): Options {
  return readCommandLine(USAGE, FLAGS, (values) => {
    return {
      exchanges: readNumber('exchanges', values.exchanges, { fallback: 20_000, min: 1, max: 100_000_000 }),
      minutes: readNumber('minutes', values.minutes, { fallback: 60, fraction: true, min: 0.01, max: 1440 }),
      seed: readNumber('seed', values.seed, { fallback: 1, min: 0, max: 2 ** 32 - 1 }),
      kinds: readNames('kinds', values.kinds, KINDS),
      jobs: readNumber('jobs', values.jobs, { fallback: 2, min: 1, max: 16 }),
      connections: readNumber('connections', values.connections, { fallback: 24, min: 1, max: 200 }),
      only: values.only === undefined ? undefined : readOnly(values.only),
      times: readNumber('times', values.times, { fallback: 1, min: 1, max: 100_000 }),
      json: values.json,
    }
  })
}

const FLAGS = {
  exchanges: { type: 'string' },
  minutes: { type: 'string' },
  seed: { type: 'string' },
  kinds: { type: 'string' },
  jobs: { type: 'string' },
  connections: { type: 'string' },
  only: { type: 'string' },
  times: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

function readOnly(text: string): Options['only'] {
  const [kind = '', script] = text.split(':')
  const number = readNumber('only KIND', script, { fallback: -1, min: 0, max: 2 ** 32 - 1 })
  return `${readName('only', kind, KINDS)}:${number}`
}
