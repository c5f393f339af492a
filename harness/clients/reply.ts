import { createHash } from 'node:crypto'
import type { Source } from './source.js'

/** Reply, byte for byte. */
export interface Reply {
  readonly status: number
  /** Heads of interim replies before it. */
  readonly interim: readonly string[]
  /** From the status line to the last header. */
  readonly head: string
  readonly body: Buffer
  /** Sizes of the chunks as written, and the trailers; `''` for a body without chunks. */
  readonly chunks: string
  /** Whether it is complete. */
  readonly whole: boolean
  /** Whether its headers say that the connection closes. */
  readonly closes: boolean
}

const LINE_END = '\r\n'
const HEAD_END = '\r\n\r\n'

/** Reads the reply to a request of `method`; `undefined` if none arrives. Calls `onInterim` for each 1xx. */
export async function readReply(
  source: Source,
  method: string,
  onInterim = () => {},
): Promise<Reply | undefined> {
  const interim: string[] = []
  for (;;) {
    const bytes = await source.until(HEAD_END)
    if (!bytes) return undefined
    const head = bytes.toString('latin1', 0, bytes.length - HEAD_END.length)
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1])
    if (!(status >= 100 && status < 200))
      return { interim, ...(await readRest(source, method, status, head)) }
    interim.push(head)
    onInterim()
  }
}

async function readRest(source: Source, method: string, status: number, head: string) {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim()
  const length = field('content-length')
  const closes = field('connection') !== undefined ? /close/i.test(field('connection') ?? '') : isOld(head)
  const known = { status, head, closes, chunks: '' }
  if (method === 'HEAD' || status === 204 || status === 304) return { ...known, body: NOTHING, whole: true }
  if (/chunked/i.test(field('transfer-encoding') ?? '')) return { ...known, ...(await readChunks(source)) }
  if (length !== undefined) {
    const body = await take(source, Number(length))
    return { ...known, body, whole: body.length === Number(length) }
  }
  const body = await source.rest()
  return { ...known, body, whole: source.ending === 'closed', closes: true }
}

const NOTHING = Buffer.alloc(0)

/** HTTP/1.0 keeps connections only on request. */
function isOld(head: string): boolean {
  return head.startsWith('HTTP/1.0')
}

async function readChunks(source: Source) {
  const pieces: Buffer[] = []
  const layout = createHash('sha256')
  let count = 0
  for (;;) {
    const line = await source.until(LINE_END)
    const size = Number.parseInt(line?.toString('latin1') ?? '', 16)
    if (!line || Number.isNaN(size))
      return { body: Buffer.concat(pieces), chunks: 'broken off', whole: false }
    layout.update(line)
    count++
    if (size > 0) pieces.push(await take(source, size))
    // Trailers may follow the last chunk.
    const end = await source.until(LINE_END)
    layout.update(end ?? '')
    if (size === 0 || !end) {
      const chunks = `${count} chunks, sha256 of sizes ${layout.digest('hex').slice(0, 16)}`
      return { body: Buffer.concat(pieces), chunks, whole: end?.toString() === LINE_END }
    }
  }
}

async function take(source: Source, count: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of source.pieces(count)) pieces.push(piece)
  return Buffer.concat(pieces)
}
