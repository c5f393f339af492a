import type { Socket } from 'node:net'
import { comeBack, every, type Fate } from './come-back.js'
import { UPLOAD_PATH } from './paths.js'

/** What a slow writer sends: a head, a body that is buffered before the fork, or a longer one. */
export type Slowness = 'head' | 'body' | 'longBody'

/** Default of `maxBufferedBody`. */
const COLLECTED_BYTES = 2 ** 20
const BODY_BYTES = COLLECTED_BYTES / 2
const LONG_BODY_BYTES = 4 * COLLECTED_BYTES
const STEP_MS = 500

const HEAD = `GET / HTTP/1.1\r\nhost: a\r\nx-slow: `

/** Sends one byte every half second. Of a long body, first sends enough at once to make the server fork. */
export function writeSlowly(port: number, fate: Fate, signal: AbortSignal, slowness: Slowness) {
  return comeBack(port, fate, signal, (socket) => {
    socket.resume()
    begin(socket, slowness)
    every(STEP_MS, socket, () => socket.write('x'))
  })
}

function begin(socket: Socket, slowness: Slowness): void {
  if (slowness === 'head') socket.write(HEAD)
  else if (slowness === 'body') socket.write(headOf(BODY_BYTES))
  else {
    socket.write(headOf(LONG_BODY_BYTES))
    socket.write(COLLECTED)
  }
}

function headOf(bytes: number): string {
  return `POST ${UPLOAD_PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: ${bytes}\r\n\r\n`
}

/** More than the server buffers before it forks. */
const COLLECTED = Buffer.alloc(COLLECTED_BYTES + 1, 'x')
