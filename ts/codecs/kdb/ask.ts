import { clearTimeout, setImmediate, setTimeout } from '../../node-internals/clock.js'
import { onAbort } from '../../options/on-abort.js'
import type { QcloneError } from '../../types/errors.js'
import { isError } from '../../types/is-error.js'
import type { Destination } from './address.js'
import { encodeMessage } from './encode-reply.js'
import { SYNC } from './frame.js'
import { expectCapability, greetingOf, OUR_CAPABILITY } from './greeting.js'
import { openSocket } from './open-socket.js'
import { QError } from './q-error.js'
import { aborted, late, over, type Stage } from './request-errors.js'
import type { KdbRequestOptions } from './request-options.js'
import { ResponseFinder } from './response.js'

/** Asks a server, and always closes the connection afterwards. Rejects as {@link request} does. */
export async function ask(
  server: Destination,
  query: unknown,
  options: Required<KdbRequestOptions>,
): Promise<unknown> {
  const { name, user, password } = server
  const { maxDepth, signal, timeout, tls } = options
  const message = encodeMessage(SYNC, query, { compress: false, maxDepth }, OUR_CAPABILITY)
  if (signal?.aborted) throw aborted(name, signal)

  const at: { stage: Stage; end?: () => QcloneError } = { stage: 'connecting' }
  const socket = openSocket(server, tls, () => {
    at.stage = 'logging in'
    socket.write(greetingOf(user, password))
  })
  /** Takes the byte that answers the greeting. Returns the bytes after it. */
  const letIn = (chunk: Buffer) => {
    expectCapability(chunk[0] as number)
    at.stage = 'waiting for the answer'
    socket.write(message)
    return chunk.subarray(1)
  }
  /** Ends the request early, with the error that `why` creates where stack traces show the caller. */
  const end = (why: () => QcloneError) => {
    at.end ??= why
    socket.destroy()
  }
  // After a long turn, timers fire before bytes that arrived in time are read.
  const expire = () => setImmediate(end, () => late(name, at.stage, timeout))
  const timer = timeout === Infinity ? undefined : setTimeout(expire, timeout)
  const forget = signal && onAbort(signal, () => end(() => aborted(name, signal)))
  const finder = new ResponseFinder(options)
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      const response = finder.receive(at.stage === 'logging in' ? letIn(chunk) : chunk)
      if (response) return answerIn(response)
    }
    throw over(name, at.stage)
  } catch (error) {
    if (at.end) throw at.end()
    throw error === socket.errored ? over(name, at.stage, error as Error) : error
  } finally {
    clearTimeout(timer)
    forget?.()
    socket.destroy()
  }
}

/** Returns the value of a response. @throws {QError} if that is an error, which no other value of q is. */
function answerIn({ value }: { value: unknown }): unknown {
  if (isError(value)) throw new QError(value.message)
  return value
}
