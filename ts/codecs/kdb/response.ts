import { Backlog } from '../backlog.js'
import type { DecodeBounds } from './decode.js'
import { RESPONSE, readHead } from './frame.js'
import { decodeMessage } from './message.js'

/** Bounds of a response. */
export interface ResponseBounds extends DecodeBounds {
  /** Maximum length in bytes, compressed and uncompressed. */
  readonly maxMessageBytes: number
}

/** Finds the response to the only query of a connection, however its bytes are split. */
export class ResponseFinder {
  readonly #bounds: ResponseBounds
  readonly #backlog = new Backlog()

  constructor(bounds: ResponseBounds) {
    this.#bounds = bounds
  }

  /**
  Takes bytes from the server. Skips asynchronous messages, which q sends on any connection.

  @returns the decoded response once it is complete, until then undefined.
  @throws {ProtocolError} if the bytes break the protocol or exceed its bounds.
  */
  receive(chunk: Buffer): { value: unknown } | undefined {
    const { maxMessageBytes } = this.#bounds
    const bounds = { maxMessageBytes, maxUpdateBytes: maxMessageBytes }
    const backlog = this.#backlog
    backlog.append(chunk, maxMessageBytes)
    let rest = backlog.bytes
    for (;;) {
      const head = readHead(rest, bounds, 'server')
      if (!head || rest.length < head.length) break
      if (head.kind === RESPONSE) {
        return { value: decodeMessage(head, rest.subarray(0, head.length), this.#bounds) }
      }
      rest = rest.subarray(head.length)
    }
    if (rest.length < backlog.length) {
      backlog.take()
      backlog.append(rest, maxMessageBytes)
    }
    return undefined
  }
}
