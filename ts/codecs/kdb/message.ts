import { Buffer } from 'node:buffer'
import { calledInClones } from '../../clone-context/ahead.js'
import { LazyMessage } from '../lazy.js'
import { type DecodeBounds, decode } from './decode.js'
import { HEAD_BYTES, type Head, PACKED_HEAD_BYTES, SYNC } from './frame.js'
import { Reader } from './reader.js'
import { uncompress } from './uncompress.js'

/** What one message may make of its bytes. */
export interface MessageBounds extends DecodeBounds {
  /** As `maxItems`, of a message that waits for no reply. */
  readonly maxUpdateItems: number
}

/** A message that is whole, and was found so by its head alone. */
export class KdbMessage extends LazyMessage {
  readonly #head: Head
  readonly #bounds: MessageBounds

  constructor(head: Head, bytes: Buffer, bounds: MessageBounds) {
    super(head.kind === SYNC ? 'query' : 'update', bytes)
    this.#head = head
    this.#bounds = bounds
  }

  protected override decode(bytes: Buffer): unknown {
    const { isLittleEndian, unpackedLength, kind } = this.#head
    const { maxDepth, maxItems, maxUpdateItems } = this.#bounds
    const message =
      unpackedLength === undefined ? bytes : uncompress(bytes.subarray(PACKED_HEAD_BYTES), unpackedLength)
    return decode(new Reader(message, HEAD_BYTES, isLittleEndian), {
      maxDepth,
      maxItems: kind === SYNC ? maxItems : Math.min(maxItems, maxUpdateItems),
    })
  }
}

/** A list of a symbol, a text, a long, some longs, a dict and a table. */
const SAMPLE = Buffer.from(
  '000006000000f561000a000100000061f900000000000000000700010000000000000000000000630b000' +
    '10000006100060001000000010000006200630b0001000000610000000100000006000100000001000000',
  'hex',
)
const SAMPLE_BOUNDS = { maxDepth: 8, maxItems: 100 }

calledInClones(uncompress)

/** Decodes a message of this project's own. */
export function decodeSample(): void {
  decode(new Reader(SAMPLE, 0, true), SAMPLE_BOUNDS)
}
