import { ProtocolError } from '../codec.js'

/** Bytes before every message: byte order, kind, whether it is compressed, nothing, its length with these eight. */
export const HEAD_BYTES = 8
/** The length of an uncompressed message stands before the compressed one. */
export const LENGTH_BYTES = 4
export const LENGTH_AT = 4

/** Kinds of messages. */
export const ASYNC = 0
export const SYNC = 1
export const RESPONSE = 2

/** The head of a message. */
export interface Head {
  readonly isLittleEndian: boolean
  readonly kind: typeof ASYNC | typeof SYNC
  readonly isCompressed: boolean
  /** Bytes of the message as it is sent, the head included. */
  readonly length: number
}

/** @throws {ProtocolError} when it is not one that a client sends, or of a message longer than `maxBytes`. */
export function readHead(bytes: Buffer, maxBytes: number): Head {
  const [order, kind, compressed, reserved] = bytes as unknown as readonly [number, number, number, number]
  if (order > 1) throw new ProtocolError(`${order} is no byte order`)
  if (kind === RESPONSE) throw new ProtocolError('A response came, and nothing was asked')
  if (kind !== ASYNC && kind !== SYNC) throw new ProtocolError(`${kind} is no kind of message`)
  if (compressed > 1 || reserved !== 0) throw new ProtocolError('A message is of an unknown format')
  const isLittleEndian = order === 1
  const length = readLength(bytes, LENGTH_AT, isLittleEndian)
  const least = HEAD_BYTES + 1 + (compressed ? LENGTH_BYTES : 0)
  if (length < least) throw new ProtocolError(`A message of ${length} bytes is too short`)
  if (length > maxBytes) throw new ProtocolError(`A message of ${length} bytes is too long`)
  return { isLittleEndian, kind, isCompressed: compressed === 1, length }
}

/** An unsigned length. */
export function readLength(bytes: Buffer, at: number, isLittleEndian: boolean): number {
  return isLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
}
