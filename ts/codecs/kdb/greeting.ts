import { ProtocolError } from '../codec.js'
import { textOf } from './text.js'

/** Of q 3.0: compression, timestamps, timespans and guids; messages of up to 2 GiB. */
const OUR_CAPABILITY = 3
/** Whoever has at least this knows compression, timestamps and timespans. */
export const CAPABILITY_OF_TIMESTAMPS = 1
/** Whoever has at least this knows guids. */
export const CAPABILITY_OF_GUIDS = 3
/**
No user or password has such characters: the byte before the end is the client's capability, and other bytes like it
are a request of HTTP, which a web page may have made its browser send here.
*/
const FIRST_PRINTABLE = 0x20

/** What a client says first. */
export interface Greeting {
  readonly user: string
  readonly password: string
  /** Of client and server in common, 0 to 3. It is the answer. */
  readonly capability: number
}

/**
`user:password`, and a byte of the client's capability, which old clients leave out. Without the NUL at its end.

@throws {ProtocolError} when it has characters that cannot be in it.
*/
export function readGreeting(bytes: Buffer): Greeting {
  const last = bytes.at(-1)
  const hasCapability = last !== undefined && last < FIRST_PRINTABLE
  const end = bytes.length - (hasCapability ? 1 : 0)
  if (bytes.subarray(0, end).some((byte) => byte < FIRST_PRINTABLE)) {
    throw new ProtocolError('A greeting has no control characters: this client speaks another protocol')
  }
  const text = textOf(bytes, 0, end)
  const colon = text.indexOf(':')
  return {
    user: colon === -1 ? text : text.slice(0, colon),
    password: colon === -1 ? '' : text.slice(colon + 1),
    capability: hasCapability ? Math.min(last, OUR_CAPABILITY) : 0,
  }
}
