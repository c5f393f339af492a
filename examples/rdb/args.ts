import { MAX_ROWS, parseOptions, readNumber } from '../lib/args.js'
import { ExampleError } from '../lib/errors.js'

/** Ports to listen on; `0` is any free port, `undefined` is none. */
export interface Ports {
  http: number | undefined
  kdb: number | undefined
  sessions: number | undefined
  json: number | undefined
}

export interface RdbOptions {
  rows: number
  rate: number
  /** Time after which the database ends; `0` means on a signal. */
  seconds: number
  host: string
  ports: Ports
  /** Credentials for the kdb ports; `undefined` admits everybody. */
  login: { user: string; password: string } | undefined
  /** Number of readers that serve pages and queries; `0` for a clone each. */
  readers: number
  eval: boolean
  json: boolean
  help: boolean
}

const MAX_PORT = 65_535
const DEFAULT_ROWS = 300_000
const MAX_READERS = 64

export const USAGE = `Usage: npm run rdb -- [options]

A real-time database: US flights in memory, with continuous updates. A clone of the process answers
each page, query and session from one consistent snapshot.

  --rows N            flights to load, 1 to ${MAX_ROWS} (default ${DEFAULT_ROWS})
  --rate N            updates per second, 0 to 1000000 (default 5000)
  --seconds N         run time, 0.1 to 86400 (default: until SIGINT or SIGTERM)
  --host HOST         where to listen (default 127.0.0.1)
  --http-port PORT    pages for a browser (default 8080)
  --kdb-port PORT     q's protocol: a clone, and a fresh snapshot, per query (default 5010)
  --session-port PORT q's protocol: a clone, and one snapshot, per connection (default 5011)
  --json-port PORT    a line of JSON per query: a clone per query (default 5012)
  --readers N         readers that serve pages and queries, 1 to ${MAX_READERS}, from a snapshot that is
                      at most a second old (default: a clone for each page and query)
  --user NAME         user name that the ports of q's protocol require, and
  --password TEXT     password (default: everybody can connect)
  --eval              evaluate code for clients of the ports for q and JSON, in the clone: js:1+1
  --json              print one JSON object when ready, and one at the end
  --help              print this

A PORT is a number, 0 for any free port, or "off".

Exit code: 0 when the running totals hold at the end, 1 when not, 2 for bad options.
`

/** Reads the command line. Every error is an `ExampleError` with code `ERR_EXAMPLE_USAGE`. */
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
    readers: { type: 'string' },
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
    readers: readNumber('readers', values.readers, { fallback: 0, min: 0, max: MAX_READERS, whole: true }),
    eval: values.eval ?? false,
    json: values.json ?? false,
    help: values.help ?? false,
  }
}

function readPort(name: string, text: string | undefined, fallback: number): number | undefined {
  if (text === 'off') return undefined
  return readNumber(name, text, { fallback, min: 0, max: MAX_PORT, whole: true })
}
