import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { nextTick } from '../clock.js'
import { calledInClones } from '../clone-context/ahead.js'

/** Of an answer that is longer the beginning is sent before its end is there. */
const MOST_KEPT_BYTES = 1 << 20

type Done = (error?: Error | null) => void

/**
In a clone: sends an answer only once it is whole, if its client could not tell that it was cut off.

The end of the connection is the end of an answer to HTTP/1.0 that has no `Content-Length`, and a unix socket cannot be
reset. A clone that dies has then sent nothing, and its parent answers 500. Streams of events, and what is longer than
{@link MOST_KEPT_BYTES}, are sent as they come.
*/
export function keepBackUntilWhole(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
  if (request.httpVersionMinor !== 0 || socket.remoteFamily !== undefined) return
  const kept: Buffer[] = []
  let size = 0
  let isKept = true
  /** What waits for the end of the answer to be with the kernel. */
  let whenSent: Done[] = []
  const release = () => {
    if (!isKept) return
    isKept = false
    Reflect.deleteProperty(socket, 'write')
    const sent: Done = (error) => {
      for (const done of whenSent) done(error)
      whenSent = []
    }
    socket.write(Buffer.concat(kept), sent)
  }
  const write = (chunk: Uint8Array | string, ...rest: Array<BufferEncoding | Done | undefined>) => {
    const done = rest.find((one) => typeof one === 'function') as Done | undefined
    const encoding = rest.find((one) => typeof one === 'string') as BufferEncoding | undefined
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk)
    kept.push(bytes)
    size += bytes.length
    if (done) {
      nextTick(() => {
        if (isKept) done()
        else whenSent.push(done)
      })
    }
    if (size > MOST_KEPT_BYTES || showsItsEnd(response)) nextTick(release)
    return true
  }
  Object.defineProperty(socket, 'write', { value: write, configurable: true, writable: true })
  response.on('prefinish', release)
}

/** Whether a client can tell that an answer was cut off, or waits for each part of it. */
function showsItsEnd(response: ServerResponse): boolean {
  const { _header: head } = response as { _header?: string | null }
  return head ? SHOWS_ITS_END.test(head) : false
}

const SHOWS_ITS_END = /^(content-length:|content-type: *text\/event-stream)/im

calledInClones(keepBackUntilWhole)
