import { createServer, type RequestListener, type ServerOptions } from 'node:http'
import type { Server } from 'node:net'
import {
  cloneReaders,
  clones,
  generation,
  isReader,
  type ReaderOptions,
  type Readers,
  snapshotAge,
} from 'node-qclone'
import { listenOn } from '../../harness/listen.js'
import { until } from '../../harness/processes.js'
import type { RawClient } from './raw-http.js'

/** What a process says of itself, with each answer. */
export interface Seen {
  reader: boolean
  generation: number
  age: number
  pid: number
  /** Time at which this process had its data, by the clock of all. */
  at: number
  version: number
}

/** What only the parent changes. `now` is the time of the last change. */
export const live = { version: 0, now: clock() }

/** A clock that all processes share. */
export function clock(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}

/** Changes `live` in every turn, so that a snapshot tells how old it is. */
export function keepChanging(): void {
  setInterval(() => {
    live.version++
    live.now = clock()
  }, 1).unref()
}

export function self(): Seen {
  return {
    reader: isReader(),
    generation: generation(),
    age: snapshotAge(),
    pid: process.pid,
    at: live.now,
    version: live.version,
  }
}

/** What a process said of itself. */
export function seenIn({ body }: { body: string }): Seen & Record<string, unknown> {
  return JSON.parse(body) as Seen & Record<string, unknown>
}

/** The process that answers a client's next request. */
export async function who(client: RawClient, path = '/'): Promise<Seen & Record<string, unknown>> {
  return seenIn(await client.ask(path))
}

export interface Served<S extends Server = Server> {
  server: S
  port: number
  readers: Readers
  /** Ends it all. */
  end(): Promise<void>
}

/** Readers that serve a server, once the first generation does. No other is made unless it is asked for. */
export async function servedByReaders<S extends Server>(
  server: S,
  options: ReaderOptions = {},
): Promise<Served<S>> {
  const one = options.perConnection ? {} : { readers: 1 }
  const readers = cloneReaders(server, { ...one, maxAge: Infinity, ...options })
  const port = await listenOn(server)
  await readers.ready
  const end = async () => {
    server.close()
    await readers.close({ drain: 1000 })
    await allEnded()
  }
  return { server, port, readers, end }
}

/** The same for an HTTP server that answers with what the process is, or as `listener` does. */
export function httpByReaders(
  options: ReaderOptions = {},
  listener: RequestListener = (_, response) => response.end(JSON.stringify(self())),
  serverOptions: ServerOptions = {},
) {
  return servedByReaders(createServer(serverOptions, listener), options)
}

export function allEnded(): Promise<void> {
  return until('all readers have ended', () => clones().length === 0)
}
