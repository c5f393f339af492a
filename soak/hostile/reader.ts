import type { Socket } from 'node:net'
import { comeBack, every, type Fate } from './come-back.js'
import { LARGE_PATH } from './paths.js'

const REQUEST = `GET ${LARGE_PATH} HTTP/1.1\r\nhost: a\r\n\r\n`
const STEP_MS = 1000

/** Requests a large answer, and reads nothing of it, or one byte per second. */
export function readSlowly(port: number, fate: Fate, signal: AbortSignal, takesBytes: boolean) {
  const onread = { buffer: Buffer.alloc(1), callback: () => false }
  const act = (socket: Socket) => {
    socket.pause()
    socket.write(REQUEST)
    every(STEP_MS, socket, () => {
      // A client that does not read notices a closed connection only by writing. An empty line between requests is
      // ignored.
      socket.write('\r\n')
      if (takesBytes) socket.resume()
    })
  }
  return comeBack(port, fate, signal, act, { onread })
}
