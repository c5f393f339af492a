import { once } from 'node:events'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'

import {
  type Codec,
  cloneQueries,
  cloneRequests,
  cloneSessions,
  kdb,
  ndjson,
  stopAll,
  unload,
} from 'node-qclone'

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

/** For how long a clone may work for one question. */
const ANSWER_MS = 30_000
/** For how long a client may keep a snapshot: the pages that the parent writes meanwhile are there twice. */
const SESSION_MS = 600_000
const NO_CORE = { coreSize: 0 }

/** All that listens. */
export interface Servers {
  readonly ports: Ports
  /** Ends all of it, clones and connections included. */
  close(): Promise<void>
}

export async function listen(database: Database, options: RdbOptions): Promise<Servers> {
  const codec = kdb({ authenticate: authenticator(options.login) })
  const servers = {
    http: httpServer(database),
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

/** Pages, each by a clone of its own. */
function httpServer(database: Database): HttpServer {
  const server = createHttpServer(viewer(database))
  cloneRequests(server, {
    match: (request) => !isForParent(request),
    timeout: ANSWER_MS,
    limits: NO_CORE,
  })
  return server
}

/** A clone, and a fresh snapshot, per query. What waits for no answer is of a feed, for the parent. */
function queryServer(
  database: Database,
  options: RdbOptions,
  codec: Codec,
  say: (answer: Answer) => unknown,
): Server {
  // A client may say that it asks nothing more, and still wait for its answers.
  const server = createServer({ allowHalfOpen: true })
  cloneQueries(server, {
    codec,
    evaluate: (query) => evaluate(database, options, query, say),
    update: (message) => publish(database, message),
    timeout: ANSWER_MS,
    limits: NO_CORE,
    name: `${codec.name} query`,
  })
  return server
}

/** A clone, and a snapshot that stays, per connection. */
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

/** In a clone. */
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
