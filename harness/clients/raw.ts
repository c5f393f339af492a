import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { CERTIFICATE } from '../apps/content.js'
import { type Reply, readReply } from './reply.js'
import { Source } from './source.js'
import { HOST, type Target } from './target.js'

/** Request, byte for byte. */
export interface Request {
  readonly method: string
  /** All bytes, or those sent before `100 Continue` arrives. */
  readonly bytes: Buffer
  /** Bytes sent after `100 Continue`. */
  readonly afterContinue?: Buffer
  /** Size of the pieces in which it is sent. */
  readonly piece?: number
}

/** Whether requests are sent before their predecessors are answered, and the size of the pieces. */
export type Pipelined = boolean | { readonly piece: number }

export interface Exchange {
  readonly replies: readonly Reply[]
  /** Connections opened. */
  readonly connects: number
  /** State of the last connection: `kept`, or how it ended. */
  readonly end: string
  /** Bytes after the last reply. */
  readonly surplus: Buffer
}

/** Status of Node's answer to an invalid request. */
const REFUSED = 400
/** Pause between pieces, so that each is read separately. */
const PIECE_MS = 2
/** Time a server may take to close a connection after announcing it. */
const CLOSE_LIMIT_MS = 5000

/** Opens a connection on which every byte is recorded. */
export async function open({ scheme, port }: Target): Promise<{ socket: Socket; source: Source }> {
  const socket =
    scheme === 'https' ? connectTls({ port, host: HOST, ca: readFileSync(CERTIFICATE) }) : connect(port, HOST)
  await once(socket, scheme === 'https' ? 'secureConnect' : 'connect')
  return { socket: socket.setNoDelay(), source: new Source(socket) }
}

/**
Sends requests over one connection, each after the previous reply, or all at once. If a reply closes the connection,
sends the unanswered requests again on another, as a client would.
*/
export async function exchange(
  target: Target,
  requests: readonly Request[],
  { pipelined = false, signal }: { pipelined?: Pipelined; signal: AbortSignal },
): Promise<Exchange> {
  const replies: Reply[] = []
  const surplus: Buffer[] = []
  for (let connects = 1; ; connects++) {
    const { socket, source } = await open(target)
    const destroy = () => socket.destroy()
    signal.addEventListener('abort', destroy)
    try {
      const got = await exchangeOn(socket, source, requests.slice(replies.length), pipelined)
      replies.push(...got)
      const last = got.at(-1)
      const isComplete = replies.length === requests.length
      if (last?.closes || !isComplete) surplus.push(await restOf(source))
      if (last?.closes && last.whole && last.status !== REFUSED && !isComplete) continue
      return { replies, connects, end: source.ending ?? 'kept', surplus: Buffer.concat(surplus) }
    } finally {
      signal.removeEventListener('abort', destroy)
      socket.destroy()
    }
  }
}

async function exchangeOn(
  socket: Socket,
  source: Source,
  requests: readonly Request[],
  pipelined: Pipelined,
): Promise<Reply[]> {
  const replies: Reply[] = []
  if (pipelined) {
    const bytes = Buffer.concat(requests.map(({ bytes }) => bytes))
    await send(socket, bytes, pipelined === true ? bytes.length : pipelined.piece)
  }
  for (const { method, bytes, piece = bytes.length, afterContinue } of requests) {
    if (!pipelined) await send(socket, bytes, piece)
    const reply = await readReply(source, method, () => {
      if (afterContinue) socket.write(afterContinue)
    })
    if (reply) replies.push(reply)
    if (!reply?.whole || reply.closes) break
  }
  return replies
}

async function send(socket: Socket, bytes: Buffer, piece: number): Promise<void> {
  for (let at = 0; at < bytes.length && socket.writable; at += piece) {
    socket.write(bytes.subarray(at, at + piece))
    if (piece < bytes.length) await delay(PIECE_MS)
  }
}

/** Bytes until the server closes, or a note that it did not close. */
async function restOf(source: Source): Promise<Buffer> {
  const rest = await Promise.race([source.rest(), delay(CLOSE_LIMIT_MS)])
  return rest ?? Buffer.from(`not closed after ${CLOSE_LIMIT_MS} ms`)
}
