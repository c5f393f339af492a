import { calledInClones } from '../../clone-context/ahead.js'
import { LazyMessage } from '../lazy.js'
import { type DecodeBounds, decode } from './decode.js'
import { HEAD_BYTES, type Head, PACKED_HEAD_BYTES, SYNC } from './frame.js'
import { Reader } from './reader.js'
import { uncompress } from './uncompress.js'

/** A message that is whole, and was found so by its head alone. */
export class KdbMessage extends LazyMessage {
  readonly #head: Head
  readonly #bounds: DecodeBounds

  constructor(head: Head, bytes: Buffer, bounds: DecodeBounds) {
    super(head.kind === SYNC ? 'query' : 'update', bytes)
    this.#head = head
    this.#bounds = bounds
  }

  protected override decode(bytes: Buffer): unknown {
    const { isLittleEndian, unpackedLength } = this.#head
    const message =
      unpackedLength === undefined ? bytes : uncompress(bytes.subarray(PACKED_HEAD_BYTES), unpackedLength)
    return decode(new Reader(message, HEAD_BYTES, isLittleEndian), this.#bounds)
  }
}

calledInClones(uncompress, decode)
