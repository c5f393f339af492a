import { Buffer } from 'node:buffer'
import { calledInClones } from './clone-context/ahead.js'

/**
What a clone and its parent send each other: frames of a head and a body.

The head is 8 bytes: the length of the body in the first six, little-endian, then the kind, then 1 if the body is in
the clone's memory file rather than behind the head. There, the body behind the head tells where.
*/
export const HEAD_BYTES = 8

/** Kinds of frames. */
export const KIND = {
  /** From the clone, once: it is set up, and calls the function next. */
  ready: 1,
  /** A value: the answer, one of a stream, or a message. */
  value: 2,
  /** What was thrown. Nothing follows. */
  thrown: 3,
  /** What a task reports while it is at work. */
  report: 4,
  /** Nothing follows. */
  end: 5,
  /** The client gets something next: with the head of the response, if there is one. */
  begun: 6,
  /** The address of a dead connection that the clone has written to, and waits for in vain. */
  waits: 7,
} as const

const KINDS = new Set<number>(Object.values(KIND))

export type Kind = (typeof KIND)[keyof typeof KIND]

export interface Frame {
  kind: Kind
  inFile: boolean
  body: Buffer
}

const LENGTH_BYTES = 6

/**
The bytes of a frame.

By what V8 has built in: a clone that answers would have node's functions for buffers to fault in first.
*/
export function frame(kind: Kind, body: Uint8Array = EMPTY, inFile = false): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + body.length)
  const head = new DataView(bytes.buffer)
  head.setUint32(0, body.length % UINT32, true)
  head.setUint16(4, Math.trunc(body.length / UINT32), true)
  bytes[LENGTH_BYTES] = kind
  bytes[LENGTH_BYTES + 1] = inFile ? 1 : 0
  bytes.set(body, HEAD_BYTES)
  return bytes
}

/** The frame by which a clone says on which connection of its parent's it waits in vain. */
export function waitsFrame(peer: string): Uint8Array {
  return frame(KIND.waits, Buffer.from(peer))
}

const UINT32 = 2 ** 32

const EMPTY = new Uint8Array()

/** Puts frames together again from chunks of any size. */
export class Frames {
  readonly #maxBytes: number
  #chunks: Buffer[] = []
  #length = 0

  /** @param maxBytes the largest body there may be: a process that sends nonsense must not fill the other's memory. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(
      Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length),
    )
    this.#length += chunk.length
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  /**
  The next frame, when all of it is there.

  @throws {Error} when the bytes are no frame, or one that is too large. Nothing that follows can be read then.
  */
  take(): Frame | undefined {
    if (this.#length < HEAD_BYTES) return undefined
    const head = this.#front(HEAD_BYTES)
    const length = head.readUIntLE(0, LENGTH_BYTES)
    if (!KINDS.has(head[LENGTH_BYTES] as number) || (head[LENGTH_BYTES + 1] as number) > 1) {
      throw new Error('it sent bytes that are no message')
    }
    if (length > this.#maxBytes) {
      throw new Error(`it sent a message of ${length} bytes, and at most ${this.#maxBytes} are accepted`)
    }
    const end = HEAD_BYTES + length
    if (this.#length < end) return undefined
    const bytes = this.#front(end)
    this.#chunks =
      bytes.length === end ? this.#chunks.slice(1) : [bytes.subarray(end), ...this.#chunks.slice(1)]
    this.#length -= end
    return {
      kind: bytes[LENGTH_BYTES] as Kind,
      inFile: bytes[LENGTH_BYTES + 1] === 1,
      body: bytes.subarray(HEAD_BYTES, end),
    }
  }

  /** The first chunk, once it has `length` bytes at least. */
  #front(length: number): Buffer {
    const [first] = this.#chunks
    if (first && first.length >= length) return first
    // Only now, as a large frame comes in many chunks.
    const whole = Buffer.concat(this.#chunks)
    this.#chunks = [whole]
    return whole
  }
}

calledInClones(frame)
