import { ProtocolError } from '../codec.js'

/**
Length of a message's head: byte order, kind, whether it is compressed, a reserved byte, length including the head.
*/
export const HEAD_BYTES = 8
/** Length of the head of a compressed message, which also has the uncompressed length. */
export const PACKED_HEAD_BYTES = HEAD_BYTES + 4
export const LENGTH_AT = 4

/** Kinds of messages. */
export const ASYNC = 0
export const SYNC = 1
export const RESPONSE = 2

/** Head of a message. */
export interface Head {
  readonly isLittleEndian: boolean
  readonly kind: typeof ASYNC | typeof SYNC | typeof RESPONSE
  /** Length of the message as sent, including the head. */
  readonly length: number
  /** Uncompressed length of the message; undefined if it is not compressed. */
  readonly unpackedLength: number | undefined
}

/** Maximum lengths of messages, in bytes. */
export interface FrameBounds {
  readonly maxMessageBytes: number
  /** Maximum length of a message that expects no reply. */
  readonly maxUpdateBytes: number
}

/**
Reads the head at the beginning of `bytes`.

@param from Side that sent the message.
@returns undefined if it is not complete.
@throws {ProtocolError} as soon as the head is not one that this side sends, or announces a message beyond the bounds.
*/
export function readHead(
  bytes: Buffer,
  bounds: FrameBounds,
  from: 'client' | 'server' = 'client',
): Head | undefined {
  if (bytes.length < HEAD_BYTES) return undefined
  const [order, kind, compressed, reserved] = bytes as unknown as readonly [number, number, number, number]
  if (order > 1) throw new ProtocolError(`${order} is not a byte order`)
  if (kind !== ASYNC && kind !== SYNC && kind !== RESPONSE) {
    throw new ProtocolError(`${kind} is not a kind of message`)
  }
  if (from === 'client' && kind === RESPONSE) {
    throw new ProtocolError('The client sent a response, but it was sent no query')
  }
  if (from === 'server' && kind === SYNC) {
    throw new ProtocolError('The server sent a query instead of a response')
  }
  if (compressed > 1 || reserved !== 0) throw new ProtocolError('A message has an unknown format')
  const isLittleEndian = order === 1
  const length = readLength(bytes, LENGTH_AT, isLittleEndian)
  const headBytes = compressed ? PACKED_HEAD_BYTES : HEAD_BYTES
  if (length <= headBytes) throw new ProtocolError(`A message of ${length} bytes is too short`)
  expectRoom(length, kind, bounds, 'message')
  if (!compressed) return { isLittleEndian, kind, length, unpackedLength: undefined }
  if (bytes.length < PACKED_HEAD_BYTES) return undefined
  const unpackedLength = readLength(bytes, HEAD_BYTES, isLittleEndian)
  if (unpackedLength <= HEAD_BYTES) {
    throw new ProtocolError(`An uncompressed message of ${unpackedLength} bytes is too short`)
  }
  expectRoom(unpackedLength, kind, bounds, 'uncompressed message')
  return { isLittleEndian, kind, length, unpackedLength }
}

function expectRoom(length: number, kind: number, bounds: FrameBounds, what: string): void {
  const { maxMessageBytes, maxUpdateBytes } = bounds
  if (length > maxMessageBytes) throw tooLong(what, length, 'maxMessageBytes', maxMessageBytes)
  if (kind === ASYNC && length > maxUpdateBytes) {
    throw tooLong(`${what} that expects no reply`, length, 'maxUpdateBytes', maxUpdateBytes)
  }
}

function tooLong(what: string, length: number, option: string, most: number): ProtocolError {
  const article = what.startsWith('u') ? 'An' : 'A'
  return new ProtocolError(`${article} ${what} of ${length} bytes is too long: \`${option}\` is ${most}`)
}

/** Reads an unsigned length. */
function readLength(bytes: Buffer, at: number, isLittleEndian: boolean): number {
  return isLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
}
