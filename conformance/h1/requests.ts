import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { HOST, type Target } from '../../harness/clients/target.js'
import { eachOf, type Tool } from './tool.js'

const AT_ONCE = 16
/** Longer than the server waits for a silent client. */
const LIMIT_MS = 20_000
const FOLDERS = ['valid', 'invalid']
const FINAL_STATUS = /^HTTP\/1\.1 ([2-5]\d\d) /gm
/**
Errors of a connection that the server closes while there are unread bytes, which can lose the answer. This depends on
timing, so the request is repeated with longer pauses between pieces.
*/
const BY_CHANCE = ['ECONNRESET', 'EPIPE']
const PAUSES_MS = [0, 5, 20, 80]
/** Shorter than any first line. */
const FIRST_BYTES = 5
const LAST_BYTES = 3
const DATE = /^date: .*$/gim

/** Sends the requests of gunicorn's tests, at once and in pieces, and records everything until the server closes. */
export function requests(sources: string): Tool {
  const folder = join(sources, readdirSync(sources).find((name) => /^gunicorn-[\d.]+$/.test(name)) ?? '')
  const files = FOLDERS.flatMap((kind) =>
    readdirSync(join(folder, 'tests/requests', kind))
      .filter((name) => name.endsWith('.http'))
      .sort()
      .map((name) => ({
        name: `${kind}/${name.replace('.http', '')}`,
        bytes: bytesOf(readFileSync(join(folder, 'tests/requests', kind, name), 'latin1')),
      })),
  )
  const cases = files.flatMap(({ name, bytes }) => [
    { test: name, pieces: [bytes] },
    { test: `${name}, cut in its first line`, pieces: cut(bytes, FIRST_BYTES) },
    { test: `${name}, cut before its end`, pieces: cut(bytes, -LAST_BYTES) },
  ])
  return {
    name: "gunicorn's requests",
    test: (target) =>
      eachOf(cases, AT_ONCE, async ({ test, pieces }) => {
        const { end, detail } = await sendSurely(target, pieces)
        const statuses = [...detail.matchAll(FINAL_STATUS)].map(([, status]) => status)
        return { test, verdict: `${statuses.join(' ') || 'nothing'}, ${end}`, detail }
      }),
  }
}

interface Outcome {
  /** How the connection ended. */
  readonly end: string
  /** Everything received, without dates. */
  readonly detail: string
}

/** Sends the pieces again until the answer is not lost. */
async function sendSurely(target: Target, pieces: readonly Buffer[]): Promise<Outcome> {
  let outcome: Outcome = { end: '', detail: '' }
  for (const pauseMs of PAUSES_MS) {
    outcome = await send(target, pieces, pauseMs)
    if (!BY_CHANCE.includes(outcome.end)) break
  }
  return outcome
}

/** Removes line ends, which are not part of a request, and decodes escape sequences. */
function bytesOf(text: string): Buffer {
  const bytes = text
    .replaceAll('\n', '')
    .replaceAll('\\r\\n', '\r\n')
    .replaceAll('\\0', '\0')
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
    .replace(/\\x([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1')
}

/**
Splits bytes in two. The second piece contains everything after the request: Node drops an unanswered request when
invalid bytes follow it, but notices them only while it reads.
*/
function cut(bytes: Buffer, at: number): Buffer[] {
  return [bytes.subarray(0, at), bytes.subarray(at)]
}

async function send({ port }: Target, pieces: readonly Buffer[], pauseMs: number): Promise<Outcome> {
  const socket = connect({ port, host: HOST, noDelay: true })
  const got: Buffer[] = []
  let end = 'closed'
  socket.on('data', (chunk) => got.push(chunk))
  socket.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    end = code ?? message
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const timer = setTimeout(() => socket.destroy(new Error(`not closed after ${LIMIT_MS} ms`)), LIMIT_MS)
  for (const piece of pieces) {
    if (!socket.writable) break
    socket.write(piece)
    await delay(pauseMs)
  }
  await closed
  clearTimeout(timer)
  return { end, detail: Buffer.concat(got).toString('latin1').replace(DATE, 'Date: …') }
}
