import { isQcloneError } from '../../types/errors.js'
import { isError } from '../../types/is-error.js'
import { messageOf, unserializable } from '../unencodable.js'
import { compress } from './compress.js'
import { Encoder } from './encode.js'
import { LENGTH_AT, RESPONSE } from './frame.js'
import { CAPABILITY_OF_TIMESTAMPS } from './greeting.js'
import { ERROR } from './types.js'
import { Writer } from './writer.js'

const LITTLE_ENDIAN = 1
/** Length from which a message is compressed, as in q. */
const LEAST_TO_COMPRESS_BYTES = 2000
/** Maximum length of an error. Errors of q are short. */
const MOST_ERROR_CHARACTERS = 4096

/** Options of the encoding of a message. */
export interface Encoding {
  readonly compress: boolean
  readonly maxDepth: number
}

/**
Encodes a reply.

@param capability the client's capability.
@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE`, with the path to the part that cannot be sent.
*/
export function encodeReply(value: unknown, encoding: Encoding, capability: number): Buffer {
  return isError(value) ? encodeError(value) : encodeMessage(RESPONSE, value, encoding, capability)
}

/** Encodes a message of any kind. @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` */
export function encodeMessage(kind: number, value: unknown, encoding: Encoding, capability: number): Buffer {
  const message = written(kind, (writer) => {
    try {
      new Encoder(writer, encoding.maxDepth, capability).value(value)
    } catch (error) {
      throw unserializable(error)
    }
  })
  const mayCompress = encoding.compress && capability >= CAPABILITY_OF_TIMESTAMPS
  return (mayCompress && message.length > LEAST_TO_COMPRESS_BYTES && compress(message)) || message
}

/** Encodes an error reply. Never throws. */
export function encodeError(error: unknown): Buffer {
  // A NUL ends the text, and an empty text would be no error.
  const text = textOf(error).slice(0, MOST_ERROR_CHARACTERS).replaceAll('\0', ' ') || 'error'
  return written(RESPONSE, (writer) => {
    writer.int8(ERROR)
    writer.symbol(text)
  })
}

/** q itself answers `noupdate` when a thread of its multithreaded input mode would change a global. */
function textOf(error: unknown): string {
  const isReadOnly = isQcloneError(error) && error.code === 'ERR_QCLONE_READ_ONLY'
  return isReadOnly ? `noupdate: ${messageOf(error)}` : messageOf(error)
}

function written(kind: number, write: (writer: Writer) => void): Buffer {
  const writer = new Writer()
  writer.int8(LITTLE_ENDIAN)
  writer.int8(kind)
  // Not compressed; a reserved byte; the length, which `finish` writes.
  writer.int16(0)
  writer.int32(0)
  write(writer)
  return writer.finish(LENGTH_AT)
}
