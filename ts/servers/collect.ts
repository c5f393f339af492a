import type { IncomingMessage } from 'node:http'

/** Bytes of bodies that this process holds for requests whose clones are not ready. */
let total = 0

/** Bytes that are held of each. */
const held = new Map<IncomingMessage, number>()

/**
Bytes of bodies that are held at once before bodies are collected no further: as many clients as there are connections
could otherwise fill this process's memory. Their clones then read the rest.
*/
const MOST_HELD_BYTES = 16 << 20

/**
Waits until all of a request's body is here, or more than `bytes` of it, or the client has left, or too much is held of
others. What has come stays in the request. {@link forgetBody} must be called in the end.
*/
export async function collectBody(request: IncomingMessage, bytes: number): Promise<void> {
  if (bytes === 0) return
  const state = (request as unknown as { _readableState: { highWaterMark: number } })._readableState
  const { highWaterMark } = state
  // Node stops reading from a connection whose body nobody takes, when there is that much of it.
  state.highWaterMark = Math.max(bytes + 1, highWaterMark)
  // What has come with the head is parsed in this turn.
  await new Promise<void>(process.nextTick)
  const isEnough = () => {
    total += request.readableLength - (held.get(request) ?? 0)
    held.set(request, request.readableLength)
    return request.complete || request.readableLength > bytes || request.destroyed || total > MOST_HELD_BYTES
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
