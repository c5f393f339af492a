import { MAX_ROWS, parseOptions, readNumber } from '../lib/args.js'
import { ExampleError } from '../lib/errors.js'

/** Where to listen; 0 for any free port, undefined for nowhere. */
export interface Ports {
  http: number | undefined
  kdb: number | undefined
  sessions: number | undefined
  json: number | undefined
}

export interface RdbOptions {
  rows: number
  rate: number
  /** After which the database ends; 0 for when it is told to. */
  seconds: number
  host: string
  ports: Ports
  /** Who is let in on the ports of kdb; undefined for everybody. */
  login: { user: string; password: string } | undefined
  eval: boolean
  json: boolean
  help: boolean
}

const MAX_PORT = 65_535
const DEFAULT_ROWS = 300_000

export const USAGE = `Usage: npm run rdb -- [options]

A real-time database: US flights in memory, updated all the time. Each page, query and session is
answered by a clone of the process, from one consistent moment.

  --rows N            flights to load, 1 to ${MAX_ROWS} (default ${DEFAULT_ROWS})
  --rate N            updates per second, 0 to 1000000 (default 5000)
  --seconds N         end after so long, 0.1 to 86400 (default: when told to)
  --host HOST         where to listen (default 127.0.0.1)
  --http-port PORT    pages for a browser (default 8080)
  --kdb-port PORT     q's protocol: a clone, and a fresh snapshot, per query (default 5010)
  --session-port PORT q's protocol: a clone, and one snapshot, per connection (default 5011)
  --json-port PORT    a line of JSON per query: a clone per query (default 5012)
  --user NAME         who is let in on the ports of q's protocol, and
  --password TEXT     by which password (default: everybody)
  --eval              clients of the ports for q and JSON may have code evaluated, in the clone: js:1+1
  --json              print one JSON object when ready, and one at the end
  --help              print this

A PORT is a number, 0 for any that is free, or "off".

Exit code: 0 when the running totals hold at the end, 1 when not, 2 for bad options.
`

/** Reads the command line; every complaint is an `ExampleError` with code `ERR_EXAMPLE_USAGE`. */
export function readArgs(argv: readonly string[]): RdbOptions {
  const values = parseOptions(argv, {
    rows: { type: 'string' },
    rate: { type: 'string' },
    seconds: { type: 'string' },
    host: { type: 'string' },
    'http-port': { type: 'string' },
    'kdb-port': { type: 'string' },
    'session-port': { type: 'string' },
    'json-port': { type: 'string' },
    user: { type: 'string' },
    password: { type: 'string' },
    eval: { type: 'boolean' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  })
  const { user, password } = values
  if ((user === undefined) !== (password === undefined)) {
    throw new ExampleError('ERR_EXAMPLE_USAGE', 'Expected --user and --password to be given together')
  }
  return {
    rows: readNumber('rows', values.rows, { fallback: DEFAULT_ROWS, min: 1, max: MAX_ROWS, whole: true }),
    rate: readNumber('rate', values.rate, { fallback: 5000, min: 0, max: 1_000_000, whole: true }),
    seconds: readNumber('seconds', values.seconds, { fallback: 0, min: 0.1, max: 86_400, whole: false }),
    host: values.host ?? '127.0.0.1',
    ports: {
      http: readPort('http-port', values['http-port'], 8080),
      kdb: readPort('kdb-port', values['kdb-port'], 5010),
      sessions: readPort('session-port', values['session-port'], 5011),
      json: readPort('json-port', values['json-port'], 5012),
    },
    login: user !== undefined && password !== undefined ? { user, password } : undefined,
    eval: values.eval ?? false,
    json: values.json ?? false,
    help: values.help ?? false,
  }
}

function readPort(name: string, text: string | undefined, fallback: number): number | undefined {
  if (text === 'off') return undefined
  return readNumber(name, text, { fallback, min: 0, max: MAX_PORT, whole: true })
}
