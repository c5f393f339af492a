import { Buffer } from 'node:buffer'
import { ProtocolError } from '../codec.js'
import { textOf } from './text.js'

/** Capability of q 3.0: compression, timestamps, timespans and guids; messages of up to 2 GiB. */
export const OUR_CAPABILITY = 3
/** Minimum capability of a client that knows compression, timestamps and timespans. */
export const CAPABILITY_OF_TIMESTAMPS = 1
/** Minimum capability of a client that knows guids. */
export const CAPABILITY_OF_GUIDS = 3
/**
First character that a user or password can contain. The last byte can be the client's capability. Any other control
character indicates an HTTP request, which a web page may have made a browser send here.
*/
const FIRST_PRINTABLE = 0x20

/** First message of a client. */
export interface Greeting {
  readonly user: string
  readonly password: string
  /** Capability that client and server share, 0 to 3. It is the answer to the greeting. */
  readonly capability: number
}

/**
Reads a greeting, without the NUL at its end: `user:password`, and a byte with the client's capability, which old
clients leave out.

@throws {ProtocolError} if it contains control characters.
*/
export function readGreeting(bytes: Buffer): Greeting {
  const last = bytes.at(-1)
  const hasCapability = last !== undefined && last < FIRST_PRINTABLE
  const end = bytes.length - (hasCapability ? 1 : 0)
  if (bytes.subarray(0, end).some((byte) => byte < FIRST_PRINTABLE)) {
    throw new ProtocolError('The greeting has control characters: the client speaks another protocol')
  }
  const text = textOf(bytes, 0, end)
  const colon = text.indexOf(':')
  return {
    user: colon === -1 ? text : text.slice(0, colon),
    password: colon === -1 ? '' : text.slice(colon + 1),
    capability: hasCapability ? Math.min(last, OUR_CAPABILITY) : 0,
  }
}

/** Returns the greeting of a client, with the NUL at its end. */
export function greetingOf(user: string, password: string): Buffer {
  return Buffer.concat([Buffer.from(`${user}:${password}`), Buffer.of(OUR_CAPABILITY, 0)])
}

/** @throws {ProtocolError} if `byte`, the first one a server sends, is not the capability it shares with its client. */
export function expectCapability(byte: number): void {
  if (byte < FIRST_PRINTABLE) return
  throw new ProtocolError(`The server answered the greeting with byte ${byte}: it speaks another protocol`)
}
