import { readCommandLine, readNames, readNumber } from '../../harness/args.js'
import { CLIENTS, type ClientName } from './families.js'

export interface Options {
  readonly apps: readonly string[]
  readonly clients: readonly ClientName[]
  readonly jobs: number
  readonly loadSeconds: number
  readonly limitMs: number
  readonly selfCheck: boolean
  readonly json: boolean
}

export const APPS = ['http', 'https', 'express', 'fastify', 'koa', 'hono']
/** App that answers wrongly when it is used for the second time, which proves that differences are found. */
export const BROKEN = 'broken'

const USAGE = `Usage: npm run soak -- clients [options]

Lets real clients ask real servers, without and with clones that answer each request. Met when nothing differs that
a client sees: status, headers, bodies, connections. Over TLS, and for requests with a body, a clone may say
\`Connection: close\`: then that is all that may differ.

  --apps A,B       of ${APPS.join(', ')} (default all), and ${BROKEN}
  --clients A,B    of ${Object.keys(CLIENTS).join(', ')} (default all)
  --jobs N         pairs of app and client at a time, 1 to 16 (default 1)
  --load S         seconds of each load, 1 to 600 (default 3)
  --limit S        seconds of all, 10 to 86400 (default 3600)
  --self-check     compare a server that does not clone with itself
  --json           print one JSON object on stdout instead of tables
  --help           print this
`

/** Reads the command line. Exits with status 2 and an error message if it is invalid, or after printing the help. */
export function readOptions(): Options {
  return readCommandLine(USAGE, FLAGS, (values) => {
    return {
      apps: readNames('apps', values.apps, [...APPS, BROKEN], APPS),
      clients: readNames('clients', values.clients, Object.keys(CLIENTS) as ClientName[]),
      jobs: readNumber('jobs', values.jobs, { fallback: 1, min: 1, max: 16 }),
      loadSeconds: readNumber('load', values.load, { fallback: 3, min: 1, max: 600 }),
      limitMs: 1000 * readNumber('limit', values.limit, { fallback: 3600, min: 10, max: 86_400 }),
      selfCheck: values['self-check'],
      json: values.json,
    }
  })
}

const FLAGS = {
  apps: { type: 'string' },
  clients: { type: 'string' },
  jobs: { type: 'string' },
  load: { type: 'string' },
  limit: { type: 'string' },
  'self-check': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const
