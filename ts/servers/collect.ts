import type { IncomingMessage } from 'node:http'
import { nextTick } from '../clock.js'

/** Bytes that bodies take in this process, of requests whose clones are not ready. */
let total = 0

/** Bytes that each takes. */
const held = new Map<IncomingMessage, number>()

/** A chunk takes so much besides its own bytes, of which a client may send one. */
const BYTES_OF_A_CHUNK = 256

/** What no public API gives: what a stream holds. On Node 20 a list, later an array with the part that was read. */
interface Held {
  highWaterMark: number
  readonly buffer: { readonly length: number }
  readonly bufferIndex?: number
}

/**
Bytes of bodies that are held at once before bodies are collected no further: as many clients as there are connections
could otherwise fill this process's memory. Their clones then read the rest.
*/
const MOST_HELD_BYTES = 16 << 20

/** What the chunks of one body may take besides its own bytes. */
const MOST_OVERHEAD_BYTES = 1 << 20

/**
Waits until all of a request's body is here, or more than `bytes` of it, or the client has left, or too much is held of
others. What has come stays in the request. {@link forgetBody} must be called in the end.
*/
export async function collectBody(request: IncomingMessage, bytes: number): Promise<void> {
  if (bytes === 0) return
  const state = (request as unknown as { _readableState: Held })._readableState
  const { highWaterMark } = state
  // Node stops reading from a connection whose body nobody takes, when there is that much of it.
  state.highWaterMark = Math.max(bytes + 1, highWaterMark)
  // What has come with the head is parsed in this turn.
  await new Promise<void>(nextTick)
  const isEnough = () => {
    const chunks = state.buffer.length - (state.bufferIndex ?? 0)
    const size = request.readableLength + chunks * BYTES_OF_A_CHUNK
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
  state.highWaterMark = highWaterMark
}

/** Drops what is held of a body, which nobody in this process will read: its clone has it. */
export function dropBody(request: IncomingMessage): void {
  forgetBody(request)
  request.resume()
}

/** Counts a body as held no longer. */
export function forgetBody(request: IncomingMessage): void {
  total -= held.get(request) ?? 0
  held.delete(request)
}
