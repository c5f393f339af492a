import { readCommandLine, readName, readNames } from '../../harness/args.js'

export const TOOLS = ['redbot', 'h11', 'requests', 'slow'] as const
export type ToolName = (typeof TOOLS)[number]
const SECONDS = ['clones', 'plain', 'wrong'] as const

export interface Options {
  readonly tools: readonly ToolName[]
  readonly second: (typeof SECONDS)[number]
  readonly json: boolean
}

const USAGE = `Usage: npm run h1 -- [options]

Lets tools that test HTTP/1.1 test the same server twice: as it is, and with clones that answer its requests. Met when
each tool says the same of both, test by test, and has seen the same.

  --tools A,B      of ${TOOLS.join(', ')} (default all)
  --second WHICH   what the plain server is compared with: ${SECONDS.join(', ')} (default ${SECONDS[0]}); plain shows
                   what differs by itself, wrong that a difference is found
  --json           print one JSON object on stdout instead of a table
  --help           print this
`

/** Reads the command line. Exits with status 2 and an error message if it is invalid, or after printing the help. */
export function readOptions(): Options {
  return readCommandLine(USAGE, FLAGS, (values) => {
    const tools = readNames('tools', values.tools, TOOLS)
    return { tools, second: readName('second', values.second, SECONDS), json: values.json }
  })
}

const FLAGS = {
  tools: { type: 'string', default: TOOLS.join() },
  second: { type: 'string', default: SECONDS[0] },
  json: { type: 'boolean', default: false },
} as const
