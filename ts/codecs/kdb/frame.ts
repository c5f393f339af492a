import { ProtocolError } from '../codec.js'

/** Bytes before every message: byte order, kind, whether it is compressed, nothing, its length with these eight. */
export const HEAD_BYTES = 8
/** The head of a compressed message goes on with the length that the message has uncompressed. */
export const PACKED_HEAD_BYTES = HEAD_BYTES + 4
export const LENGTH_AT = 4

/** Kinds of messages. */
export const ASYNC = 0
export const SYNC = 1
export const RESPONSE = 2

/** The head of a message. */
export interface Head {
  readonly isLittleEndian: boolean
  readonly kind: typeof ASYNC | typeof SYNC
  /** Bytes of the message as it is sent, the head included. */
  readonly length: number
  /** Bytes of the message when it is uncompressed; undefined when it is not compressed. */
  readonly unpackedLength: number | undefined
}

/** How long messages may be, in bytes. */
export interface FrameBounds {
  readonly maxMessageBytes: number
  /** Of those that wait for no reply. */
  readonly maxUpdateBytes: number
}

/**
Reads the head at the beginning of `bytes`.

@returns undefined when there is more of it to come.
@throws {ProtocolError} as soon as it is not one that a client sends, or announces a message beyond the bounds.
*/
export function readHead(bytes: Buffer, bounds: FrameBounds): Head | undefined {
  if (bytes.length < HEAD_BYTES) return undefined
  const [order, kind, compressed, reserved] = bytes as unknown as readonly [number, number, number, number]
  if (order > 1) throw new ProtocolError(`${order} is no byte order`)
  if (kind === RESPONSE) throw new ProtocolError('A response came, and nothing was asked')
  if (kind !== ASYNC && kind !== SYNC) throw new ProtocolError(`${kind} is no kind of message`)
  if (compressed > 1 || reserved !== 0) throw new ProtocolError('A message is of an unknown format')
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
    throw tooLong(`${what} that waits for no reply`, length, 'maxUpdateBytes', maxUpdateBytes)
  }
}

function tooLong(what: string, length: number, option: string, most: number): ProtocolError {
  const article = what.startsWith('u') ? 'An' : 'A'
  return new ProtocolError(`${article} ${what} of ${length} bytes is too long: \`${option}\` is ${most}`)
}

/** An unsigned length. */
function readLength(bytes: Buffer, at: number, isLittleEndian: boolean): number {
  return isLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
}
