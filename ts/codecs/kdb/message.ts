import { Buffer } from 'node:buffer'
import { calledInClones } from '../../in-clone/precompile.js'
import { LazyMessage } from '../lazy-message.js'
import { type DecodeBounds, decode } from './decode.js'
import { HEAD_BYTES, type Head, PACKED_HEAD_BYTES, SYNC } from './frame.js'
import { Reader } from './reader.js'
import { uncompress } from './uncompress.js'

/** Bounds of a message. */
export interface MessageBounds extends DecodeBounds {
  /** The same as `maxItems`, for a message that expects no reply. */
  readonly maxUpdateItems: number
}

/** Complete message, with only its head read so far. */
export class KdbMessage extends LazyMessage {
  readonly #head: Head
  readonly #bounds: MessageBounds

  constructor(head: Head, bytes: Buffer, bounds: MessageBounds) {
    super(head.kind === SYNC ? 'query' : 'update', bytes)
    this.#head = head
    this.#bounds = bounds
  }

  protected override decode(bytes: Buffer): unknown {
    const { maxDepth, maxItems, maxUpdateItems } = this.#bounds
    return decodeMessage(this.#head, bytes, {
      maxDepth,
      maxItems: this.#head.kind === SYNC ? maxItems : Math.min(maxItems, maxUpdateItems),
    })
  }
}

/** Decodes a complete message. @throws {ProtocolError} if it is malformed, or exceeds the bounds. */
export function decodeMessage(head: Head, bytes: Buffer, bounds: DecodeBounds): unknown {
  const { isLittleEndian, unpackedLength } = head
  const message =
    unpackedLength === undefined ? bytes : uncompress(bytes.subarray(PACKED_HEAD_BYTES), unpackedLength)
  return decode(new Reader(message, HEAD_BYTES, isLittleEndian), bounds)
}

/** List of a symbol, a text, a long, some longs, a dict and a table. */
const SAMPLE = Buffer.from(
  '000006000000f561000a000100000061f900000000000000000700010000000000000000000000630b000' +
    '10000006100060001000000010000006200630b0001000000610000000100000006000100000001000000',
  'hex',
)
const SAMPLE_BOUNDS = { maxDepth: 8, maxItems: 100 }

calledInClones(uncompress, decodeMessage)

/** Decodes a sample message, so that the decoder is compiled before clones are made. */
export function decodeSample(): void {
  decode(new Reader(SAMPLE, 0, true), SAMPLE_BOUNDS)
}
