import { once } from 'node:events'
import { connect as connectTo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type Connection, connect } from 'node-q'
import { HOST } from '../../harness/clients/target.js'

const LIMIT_MS = 30_000

/** What a line of JSON was answered with. */
export interface JsonReply<T> {
  readonly id?: unknown
  readonly result?: T
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string }
}

/** Sends lines of JSON on a connection of their own. Gives the replies, once all have come. */
export async function sayJson<T>(port: number, ...messages: unknown[]): Promise<Array<JsonReply<T>>> {
  const socket = connectTo(port, HOST)
  socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error('no reply')))
  socket.end(messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
  const replies = await text(socket)
  return replies
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as JsonReply<T>)
}

/** The answer to one query. Throws what the database says is wrong. */
export async function askJson<T>(port: number, query: unknown): Promise<T> {
  const [reply] = await sayJson<T>(port, { query })
  if (reply?.error) throw Object.assign(new Error(reply.error.message), { code: reply.error.code })
  return reply?.result as T
}

/** Answer of `check`. */
export interface Check {
  readonly troubles: number
  readonly kept: number
  readonly counted: number
  readonly version: number
}

/** Asks for `check` so many times on one connection. */
export function askChecks(port: number, count: number): Promise<Array<JsonReply<Check>>> {
  return sayJson(port, ...Array.from({ length: count }, (_, id) => ({ query: ['check'], id })))
}

/** What replies to {@link askChecks} say of their snapshots. */
export function consistencyOf(replies: ReadonlyArray<JsonReply<Check>>) {
  return replies.map(({ id, result }) => ({
    id,
    troubles: result?.troubles,
    equal: result?.kept === result?.counted,
  }))
}

/** What they say if all totals hold. */
export function consistent(count: number) {
  return Array.from({ length: count }, (_, id) => ({ id, troubles: 0, equal: true }))
}

/** A client of kdb+. */
export interface KdbClient {
  ask<T>(...query: unknown[]): Promise<T>
  /** Sends what it waits for no reply to. */
  publish(...message: unknown[]): Promise<void>
  close(): Promise<void>
}

export async function openKdb(port: number, user: string, password: string): Promise<KdbClient> {
  const connection = await new Promise<Connection>((resolve, reject) => {
    connect({ host: HOST, port, user, password, socketTimeout: LIMIT_MS }, (error, opened) =>
      opened ? resolve(opened) : reject(error),
    )
  })
  return {
    ask: (...query) => call((done) => connection.k(...(query as [string]), done)),
    publish: (...message) => call((done) => connection.ks(...(message as [string]), done)),
    async close() {
      const closed = once(connection, 'close')
      connection.close()
      await closed
    },
  }
}

function call<T>(act: (done: (error: Error | undefined, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    act((error, value) => (error ? reject(error) : resolve(value as T)))
  })
}
