import { isError } from '../../thrown.js'
import { messageOf, unserializable } from '../unsayable.js'
import { compress } from './compress.js'
import { Encoder } from './encode.js'
import { LENGTH_AT, RESPONSE } from './frame.js'
import { CAPABILITY_OF_TIMESTAMPS } from './greeting.js'
import { ERROR } from './types.js'
import { Writer } from './writer.js'

const LITTLE_ENDIAN = 1
/** As q: what is shorter is not worth it. */
const LEAST_TO_COMPRESS_BYTES = 2000
/** Errors of q are short. */
const MOST_ERROR_CHARACTERS = 4096

/** What the encoding of a message depends on beside the value. */
export interface Encoding {
  readonly compress: boolean
  readonly maxDepth: number
}

/**
The reply that says `value`.

@param capability of the client.
@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE`, with the path to what cannot be sent.
*/
export function encodeReply(value: unknown, encoding: Encoding, capability: number): Buffer {
  return isError(value) ? encodeError(value) : encodeMessage(RESPONSE, value, encoding, capability)
}

/** A message of any kind. @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` */
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

/** The reply that says what went wrong. Never throws. */
export function encodeError(error: unknown): Buffer {
  // Its end is a NUL, and an error without a text would be none.
  const text = messageOf(error).slice(0, MOST_ERROR_CHARACTERS).replaceAll('\0', ' ') || 'error'
  return written(RESPONSE, (writer) => {
    writer.int8(ERROR)
    writer.symbol(text)
  })
}

function written(kind: number, write: (writer: Writer) => void): Buffer {
  const writer = new Writer()
  writer.int8(LITTLE_ENDIAN)
  writer.int8(kind)
  // Not compressed, nothing, and a length that is known later.
  writer.int16(0)
  writer.int32(0)
  write(writer)
  return writer.finish(LENGTH_AT)
}
