import { Buffer } from 'node:buffer'
import { calledInClones } from '../in-clone/precompile.js'

/**
Length of a frame's head, in bytes. A clone and its parent exchange frames of a head and a body:

- bytes 0 to 5: length of the body, little-endian
- byte 6: kind
- byte 7: 1 if the value is in the clone's memory file. The body then holds the offsets and lengths of its parts.
*/
export const HEAD_BYTES = 8

/** Kinds of frames. */
export const KIND = {
  /** Sent by the clone, once: it is set up and is about to call the function. */
  ready: 1,
  /** Value: the answer, a value of a stream, or a message. */
  value: 2,
  /** Error that was thrown. Nothing follows. */
  thrown: 3,
  /** Progress of a task. */
  report: 4,
  /** Nothing follows. */
  end: 5,
  /** The client is about to receive data. Contains the head of the response, if there is one. */
  begun: 6,
  /** Address of a dead connection that the clone has written to and waits on in vain. */
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
Encodes a frame. Uses only V8's builtins, since an answering clone would have to page in Node's functions for buffers.
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

/** Encodes the frame that reports a parent's connection on which the clone waits in vain. */
export function waitsFrame(peer: string): Uint8Array {
  return frame(KIND.waits, Buffer.from(peer))
}

const UINT32 = 2 ** 32

/** Size up to which errors are always accepted, regardless of the limit on messages. */
export const MIN_ERROR_BYTES = 1 << 14

const EMPTY = new Uint8Array()

/** Assembles frames from chunks of any size. */
export class Frames {
  readonly #maxBytes: number
  #chunks: Buffer[] = []
  #length = 0

  /** @param maxBytes maximum length of a body, so that a process that sends nonsense cannot fill the other's memory. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(
      Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length),
    )
    this.#length += chunk.length
  }

  /** Drops all bytes that have arrived. */
  clear(): void {
    this.#chunks = []
    this.#length = 0
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  /**
  Returns the next frame once it is complete, undefined before.

  @throws {Error} if the bytes are not a frame, or the frame is too large. Nothing after it can be read then.
  */
  take(): Frame | undefined {
    if (this.#length < HEAD_BYTES) return undefined
    const head = this.#front(HEAD_BYTES)
    const length = head.readUIntLE(0, LENGTH_BYTES)
    if (!KINDS.has(head[LENGTH_BYTES] as number) || (head[LENGTH_BYTES + 1] as number) > 1) {
      throw new Error('it sent bytes that are not a message')
    }
    const isSmallError = head[LENGTH_BYTES] === KIND.thrown && length <= MIN_ERROR_BYTES
    if (length > this.#maxBytes && !isSmallError) {
      throw new Error(`it sent a message of ${length} bytes, more than the ${this.#maxBytes} accepted`)
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

  /** Makes the first chunk at least `length` bytes long and returns it. */
  #front(length: number): Buffer {
    const [first] = this.#chunks
    if (first && first.length >= length) return first
    // A large frame arrives in many chunks, which are joined only once.
    const whole = Buffer.concat(this.#chunks)
    this.#chunks = [whole]
    return whole
  }
}

calledInClones(frame)
