import { once } from 'node:events'
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'

import {
  type Codec,
  cloneQueries,
  cloneReaders,
  cloneRequests,
  cloneSessions,
  stopAll,
  unload,
} from 'node-qclone'
import { kdb } from 'node-qclone/kdb'
import { ndjson } from 'node-qclone/ndjson'

import { ExampleError } from '../lib/errors.js'
import type { Ports, RdbOptions } from './args.js'
import { ask } from './ask.js'
import type { Database } from './database.js'
import { evaluateCode, isCode } from './eval.js'
import { authenticator } from './login.js'
import { publish } from './publish.js'
import type { Answer } from './queries/query.js'
import { toKdb } from './to-kdb.js'
import { isForParent, viewer } from './viewer/viewer.js'

/** Maximum time for a clone's answer to one query. */
const ANSWER_MS = 30_000
/** Maximum time a client can keep a snapshot. Pages that the parent writes during that time are in memory twice. */
const SESSION_MS = 600_000
const NO_CORE = { coreSize: 0 }

/** All listening servers. */
export interface Servers {
  readonly ports: Ports
  /** Closes all servers, with their clones and connections. */
  close(): Promise<void>
}

export async function listen(database: Database, options: RdbOptions): Promise<Servers> {
  const codec = kdb({ authenticate: authenticator(options.login) })
  const servers = {
    http: httpServer(database, options),
    kdb: queryServer(database, options, codec, toKdb),
    sessions: sessionServer(database, options, codec),
    json: queryServer(database, options, ndjson(), (answer) => answer),
  }
  const ports: Ports = { http: undefined, kdb: undefined, sessions: undefined, json: undefined }
  const close = () => closeAll(servers)
  try {
    for (const name of ['http', 'kdb', 'sessions', 'json'] as const) {
      const port = options.ports[name]
      if (port === undefined) continue
      ports[name] = await listenAt(servers[name], port, options.host)
    }
  } catch (error) {
    await close()
    throw error
  }
  return { ports, close }
}

/** Serves each page from its own clone, or from readers. */
function httpServer(database: Database, { readers }: RdbOptions): HttpServer {
  const server = createHttpServer(viewer(database))
  const filter = (request: IncomingMessage) => !isForParent(request)
  if (readers > 0) cloneReaders(server, { readers, filter, limits: NO_CORE, name: 'pages' })
  else cloneRequests(server, { filter, timeout: ANSWER_MS, limits: NO_CORE })
  return server
}

/**
Answers each query from a clone with a fresh snapshot, or from readers. Messages without a reply come from a feed, and
the parent handles them.
*/
function queryServer(
  database: Database,
  options: RdbOptions,
  codec: Codec,
  say: (answer: Answer) => unknown,
): Server {
  // A client may end its side and still wait for its answers.
  const server = createServer({ allowHalfOpen: true })
  const how = {
    codec,
    evaluate: (query: unknown) => evaluate(database, options, query, say),
    onUpdate: (message: unknown) => publish(database, message),
    limits: NO_CORE,
    name: `${codec.name} query`,
  }
  const { readers } = options
  if (readers > 0) cloneReaders(server, { ...how, readers, readYourWrites: true, requestTimeout: ANSWER_MS })
  else cloneQueries(server, { ...how, timeout: ANSWER_MS })
  return server
}

/** Serves each connection from a clone, with one snapshot for the lifetime of the connection. */
function sessionServer(database: Database, options: RdbOptions, codec: Codec): Server {
  const server = createServer({ allowHalfOpen: true })
  cloneSessions(server, {
    codec,
    evaluate: (query) => evaluate(database, options, query, toKdb),
    timeout: SESSION_MS,
    limits: NO_CORE,
    name: `${codec.name} session`,
  })
  return server
}

/** Runs in a clone. */
function evaluate(
  database: Database,
  options: RdbOptions,
  query: unknown,
  say: (answer: Answer) => unknown,
): unknown {
  if (options.eval && isCode(query)) return evaluateCode(database, query)
  return say(ask(database, query))
}

async function listenAt(server: Server, port: number, host: string): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new ExampleError(
      'ERR_EXAMPLE_LISTEN',
      `cannot listen on ${host}:${port}: ${(error as Error).message}`,
      { cause: error },
    )
  }
  return (server.address() as AddressInfo).port
}

async function closeAll({ http, ...others }: { http: HttpServer; [name: string]: Server }): Promise<void> {
  for (const server of [http, ...Object.values(others)]) server.close()
  unload({ close: true })
  await stopAll()
  http.closeAllConnections()
}
