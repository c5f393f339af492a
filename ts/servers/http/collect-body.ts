import type { IncomingMessage } from 'node:http'
import { nextTick } from '../../node-internals/clock.js'
import { chunksIn, setHighWaterMark } from '../../node-internals/streams.js'

/** Bytes of request bodies that this process holds in memory until their clones are ready. */
let total = 0

/** Bytes of each body. */
const held = new Map<IncomingMessage, number>()

/** Overhead of a chunk. A client can send chunks of one byte. */
const BYTES_OF_A_CHUNK = 256

/**
Maximum bytes of all bodies together. Beyond it, none is collected further, so that many clients cannot fill this
process's memory. Their clones then read the rest.
*/
const MOST_HELD_BYTES = 16 << 20

/** Maximum overhead of the chunks of one body. */
const MOST_OVERHEAD_BYTES = 1 << 20

/**
Waits until a request's body, or more than `bytes` of it, has arrived, the client has left, or the bodies of all
requests take too much memory. The data stays in the request. The caller must call {@link forgetBody} afterwards.
*/
export async function collectBody(request: IncomingMessage, bytes: number): Promise<void> {
  if (bytes === 0) return
  const { readableHighWaterMark: highWaterMark } = request
  // Node stops reading an unconsumed body at this mark.
  setHighWaterMark(request, Math.max(bytes + 1, highWaterMark))
  // The part that arrived with the head is parsed in this turn.
  await new Promise<void>(nextTick)
  const isEnough = () => {
    const size = request.readableLength + chunksIn(request) * BYTES_OF_A_CHUNK
    total += size - (held.get(request) ?? 0)
    held.set(request, size)
    const isTooMuch = size > bytes + MOST_OVERHEAD_BYTES || total > MOST_HELD_BYTES
    return request.complete || request.readableLength > bytes || isTooMuch || request.destroyed
  }
  // A listener would consume the `end` of an empty body.
  if (!isEnough()) {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!isEnough()) return
        request.off('readable', look)
        request.off('close', look)
        resolve()
      }
      request.on('readable', look)
      request.on('close', look)
    })
  }
  setHighWaterMark(request, highWaterMark)
}

/** Drops a body that this process will not read, since its clone has it. */
export function dropBody(request: IncomingMessage): void {
  forgetBody(request)
  request.resume()
}

/** Removes a body from the total. */
export function forgetBody(request: IncomingMessage): void {
  total -= held.get(request) ?? 0
  held.delete(request)
}
