import { MAX_ROWS, parseOptions, readNumber } from '../lib/args.js'

export interface DemoOptions {
  rows: number
  seconds: number
  rate: number
  parallel: number
  json: boolean
  help: boolean
}

export const USAGE = `Usage: npm run demo -- [options]

Loads US flights into a live table, updates it steadily, and runs long queries on it:
first in process, then in clones. Finally prints what each way cost the updates.

  --rows N       flights to load, 1 to ${MAX_ROWS} (default ${MAX_ROWS})
  --seconds N    duration of each way, 0.1 to 600 (default 5)
  --rate N       updates per second, 1 to 1000000 (default 20000)
  --parallel N   concurrent queries in the part with clones, 1 to 64 (default 1)
  --json         print one JSON object on stdout instead of a table
  --help         print this

Exit code: 0 when all answers agree and every snapshot was consistent, 1 when not, 2 for bad options.
`

/** Reads the command line. Every error is an `ExampleError` with code `ERR_EXAMPLE_USAGE`. */
export function readArgs(argv: readonly string[]): DemoOptions {
  const values = parseOptions(argv, {
    rows: { type: 'string' },
    seconds: { type: 'string' },
    rate: { type: 'string' },
    parallel: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  })
  return {
    rows: readNumber('rows', values.rows, { fallback: MAX_ROWS, min: 1, max: MAX_ROWS, whole: true }),
    seconds: readNumber('seconds', values.seconds, { fallback: 5, min: 0.1, max: 600, whole: false }),
    rate: readNumber('rate', values.rate, { fallback: 20_000, min: 1, max: 1_000_000, whole: true }),
    parallel: readNumber('parallel', values.parallel, { fallback: 1, min: 1, max: 64, whole: true }),
    json: values.json ?? false,
    help: values.help ?? false,
  }
}
