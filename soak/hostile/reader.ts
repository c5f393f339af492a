import type { Socket } from 'node:net'
import { comeBack, every, type Fate } from './come-back.js'
import { LARGE_PATH } from './paths.js'

const REQUEST = `GET ${LARGE_PATH} HTTP/1.1\r\nhost: a\r\n\r\n`
const STEP_MS = 1000

/** Asks for a large answer, and takes nothing of it, or a byte each second. */
export function readSlowly(port: number, fate: Fate, signal: AbortSignal, takesBytes: boolean) {
  const onread = { buffer: Buffer.alloc(1), callback: () => false }
  const act = (socket: Socket) => {
    socket.pause()
    socket.write(REQUEST)
    every(STEP_MS, socket, () => {
      // Who does not read learns only from a write that the connection is gone. Between requests it means nothing.
      socket.write('\r\n')
      if (takesBytes) socket.resume()
    })
  }
  return comeBack(port, fate, signal, act, { onread })
}
