import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { calledInClones } from '../../in-clone/precompile.js'
import { nextTick } from '../../node-internals/clock.js'
import { define } from '../../node-internals/define.js'
import { headOf } from '../../node-internals/http-responses.js'

/** Maximum length of an answer that is held back. A longer one is sent as it is written. */
const MOST_KEPT_BYTES = 1 << 20

type Done = (error?: Error | null) => void

/**
In a clone: holds an answer back until it is complete, if its client could not detect that it was cut off.

An HTTP/1.0 answer without `Content-Length` ends with its connection, and a unix socket cannot be reset. A clone that
dies has then sent nothing, and its parent answers 500. Event streams, and answers longer than {@link MOST_KEPT_BYTES},
are sent as they are written.
*/
export function keepBackUntilWhole(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
  if (request.httpVersionMinor !== 0 || socket.remoteFamily !== undefined) return
  const kept: Buffer[] = []
  let size = 0
  let isKept = true
  /** Callbacks of writes, called once the answer has been written to the kernel. */
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
  define(socket, 'write', { value: write, configurable: true, writable: true })
  response.on('prefinish', release)
}

/** Whether a client can detect that an answer was cut off, or waits for each part of it. */
function showsItsEnd(response: ServerResponse): boolean {
  return SHOWS_ITS_END.test(headOf(response))
}

const SHOWS_ITS_END = /^(content-length:|content-type: *text\/event-stream)/im

calledInClones(keepBackUntilWhole)
