import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { HOST, type Target } from '../../__test__/clients/target.js'
import { eachOf, type Finding, type Tool } from './tool.js'

const AT_ONCE = 16
/** More than the server allows a client that says no more. */
const LIMIT_MS = 20_000
const FOLDERS = ['valid', 'invalid']
const FINAL_STATUS = /^HTTP\/1\.1 ([2-5]\d\d) /gm
const DATE = /^date: .*$/gim

/** Requests that gunicorn is tested with, sent at once and in lines; and all that comes until the server closes. */
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
    { test: `${name}, in lines`, pieces: linesOf(bytes) },
  ])
  return {
    name: "gunicorn's requests",
    test: (target) => eachOf(cases, AT_ONCE, ({ test, pieces }) => send(target, test, pieces)),
  }
}

/** The ends of lines are no part of a request, and what is no text is written as in a string. */
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

function linesOf(bytes: Buffer): Buffer[] {
  return (bytes.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? []).map((line) =>
    Buffer.from(line, 'latin1'),
  )
}

async function send({ port }: Target, test: string, pieces: readonly Buffer[]): Promise<Finding> {
  const socket = connect({ port, host: HOST, noDelay: true })
  const got: Buffer[] = []
  let end = 'closed'
  socket.on('data', (chunk) => got.push(chunk))
  socket.on('error', ({ code = 'error' }: NodeJS.ErrnoException) => {
    end = code
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const timer = setTimeout(() => socket.destroy(new Error(`not closed after ${LIMIT_MS} ms`)), LIMIT_MS)
  for (const piece of pieces) {
    if (!socket.writable) break
    socket.write(piece)
    await turn()
  }
  await closed
  clearTimeout(timer)
  const detail = Buffer.concat(got).toString('latin1').replace(DATE, 'Date: …')
  const statuses = [...detail.matchAll(FINAL_STATUS)].map(([, status]) => status)
  // A server that closes when there are bytes that it has not read resets the connection: it is chance.
  const isOver = statuses.length > 0 && end === 'ECONNRESET'
  return { test, verdict: `${statuses.join(' ') || 'nothing'}, ${isOver ? 'closed' : end}`, detail }
}
