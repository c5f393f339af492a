/**
The public types, checked by the compiler alone: `npm run lint` fails when one of these lines no longer holds.
*/
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Server, Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import {
  type Codec,
  cloned,
  cloneQueries,
  cloneReaders,
  cloneSessions,
  type Port,
  type ResidentPort,
  type Running,
  resident,
  run,
  type Streaming,
  spawn,
  stream,
} from 'node-qclone'
import type { Expectations } from '#dist/options/validate.js'

/** Compiles when the two types are the same. */
function same<A, B>(
  ..._: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? [] : [never]
): void {}

interface Row {
  symbol: string
  size: number
}
const rows: Row[] = []
const sum = (field: 'size', above: number): number => rows.reduce((all, row) => all + row[field], above)
const load = async (path: string): Promise<Row[]> => (path ? rows : [])

export async function results(): Promise<void> {
  same<Awaited<ReturnType<typeof one>>, number>()
  const one = () => run(sum, 'size', 1)
  const loaded = run(load, 'path')
  same<typeof loaded, Running<Row[]>>()
  same<Awaited<typeof loaded>, Row[]>()
  same<typeof loaded.stdout, Readable | null>()
  const configured = await run.with({ timeout: 5 })((a: string) => a.length, 'x')
  same<typeof configured, number>()
  const again = cloned(load, { name: 'load' })
  same<Parameters<typeof again>, [path: string]>()
  same<ReturnType<typeof again>, Running<Row[]>>()
  const nothing = await run(() => {})
  same<typeof nothing, void>()
  const clone = spawn(sum, 'size', 2)
  same<typeof clone.pid, number>()
  spawn([sum, 'size', 2])
}

export function streams(): void {
  const values = stream(async function* (from: number) {
    yield { n: from }
  }, 3)
  same<typeof values, Streaming<{ n: number }>>()
  same<ReturnType<typeof texts>, Streaming<string>>()
  const texts = () => stream(() => ['a', 'b'])
}

export async function ports(): Promise<void> {
  const echo = await resident((port: Port<Row, string>, prefix: string) => {
    port.on('message', ({ symbol }) => port.postMessage(prefix + symbol))
  }, 'x')
  same<typeof echo, ResidentPort<string, Row>>()
  echo.postMessage({ symbol: 'a', size: 1 })
  echo.on('message', (text) => same<typeof text, string>())
  for await (const text of echo) same<typeof text, string>()
  // @ts-expect-error: it takes rows.
  echo.postMessage('text')
}

export function sessions(net: Server, tls: TlsServer, http: HttpServer, https: HttpsServer): void {
  cloneSessions(net, { filter: (client) => same<typeof client, Socket>() === undefined })
  cloneSessions(tls, { filter: (client) => same<typeof client, TLSSocket>() === undefined })
  cloneSessions(http, { filter: (client) => same<typeof client, IncomingMessage>() === undefined })
  cloneSessions(https, { filter: (client) => same<typeof client, IncomingMessage>() === undefined })
  cloneSessions(tls, { filter: ({ authorized }) => authorized })
  // @ts-expect-error: a connection without TLS is not authorized.
  cloneSessions(net, { filter: ({ authorized }) => authorized })
}

export function speaking(net: Server, codec: Codec): void {
  const evaluate = ({ symbol }: { symbol: string }) => rows.filter((row) => row.symbol === symbol)
  const onUpdate = (row: Row) => void rows.push(row)
  cloneQueries(net, { codec, evaluate, onUpdate })
  cloneSessions(net, { codec, evaluate, onUpdate })
  cloneReaders(net, { codec, evaluate, onUpdate })
  cloneQueries(net, { codec, evaluate: (query) => same<typeof query, unknown>() })
  // @ts-expect-error: a query is one value.
  cloneQueries(net, { codec, evaluate: (symbol: string, size: number) => symbol.length * size })
}

export function refused(): void {
  // @ts-expect-error: nothing would check `b`.
  const _: Expectations<{ a?: number; b?: string }> = { a() {} }

  // @ts-expect-error: an argument is missing.
  run(sum, 'size')
  // @ts-expect-error: an argument is of another type.
  run(load, 5)
  // @ts-expect-error: there is no such option.
  run.with({ timeOut: 5 })
  // @ts-expect-error: `run` cannot detach.
  run.with({ detached: true })
  // @ts-expect-error: only `run` has progress to tell of.
  spawn.with({ onProgress() {} })
  // @ts-expect-error: a number is nothing to iterate over.
  stream(() => 5)
}
