import { inspect } from 'node:util'
import { Backlog } from '../backlog.js'
import { type Conversation, type Message, ProtocolError, type Query } from '../codec.js'
import { messageOf } from '../unsayable.js'
import { decode } from './decode.js'
import { encodeError, encodeReply } from './encode-reply.js'
import { HEAD_BYTES, type Head, LENGTH_BYTES, readHead, readLength, SYNC } from './frame.js'
import { readGreeting } from './greeting.js'
import type { KdbOptions } from './options.js'
import { Reader } from './reader.js'
import { uncompress } from './uncompress.js'

type Phase = 'greeting' | 'talking' | 'refused' | 'broken'

/** What a server says to one client of kdb+. */
export class KdbConversation implements Conversation {
  readonly #options: Required<KdbOptions>
  readonly #backlog = new Backlog()
  #phase: Phase = 'greeting'
  #capability = 0
  /** Of the message that is in the backlog, as soon as it is known. */
  #head: Head | undefined

  constructor(options: Required<KdbOptions>) {
    this.#options = options
  }

  get established(): boolean {
    return this.#phase === 'talking'
  }

  receive(chunk: Uint8Array): Message[] {
    const messages: Message[] = []
    try {
      let rest: Buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      while (rest.length > 0) rest = this.#take(rest, messages)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#phase = 'broken'
      this.#backlog.take()
      throw new ProtocolError(error.message, messages)
    }
    return messages
  }

  reply(_query: Query, value: unknown): Uint8Array {
    return encodeReply(value, this.#options, this.#capability)
  }

  fail(_query: Query, error: unknown): Uint8Array {
    return encodeError(error)
  }

  /** Takes what belongs to the next message. Returns what is behind it. */
  #take(bytes: Buffer, messages: Message[]): Buffer {
    if (this.#phase === 'talking') return this.#takeMessage(bytes, messages)
    if (this.#phase === 'greeting') return this.#takeGreeting(bytes, messages)
    if (this.#phase === 'refused') return NOTHING
    throw new ProtocolError('The conversation is over')
  }

  #takeGreeting(bytes: Buffer, messages: Message[]): Buffer {
    const { maxGreetingBytes } = this.#options
    const end = bytes.indexOf(0)
    const part = end === -1 ? bytes : bytes.subarray(0, end)
    if (this.#backlog.length + part.length > maxGreetingBytes) {
      throw new ProtocolError(`A greeting of more than ${maxGreetingBytes} bytes is too long`)
    }
    this.#backlog.append(part, maxGreetingBytes)
    if (end === -1) return NOTHING
    messages.push(this.#greet(this.#backlog.take()))
    return bytes.subarray(end + 1)
  }

  #greet(bytes: Buffer): Message {
    const { user, password, capability } = readGreeting(bytes)
    const reason = this.#whyRefused(user, password)
    this.#phase = reason === undefined ? 'talking' : 'refused'
    if (reason !== undefined) return { kind: 'refused', reason }
    this.#capability = capability
    return { kind: 'send', bytes: Uint8Array.of(capability) }
  }

  #whyRefused(user: string, password: string): string | undefined {
    try {
      // Not what is merely true: a promise would let everybody in.
      return this.#options.authenticate(user, password) === true
        ? undefined
        : `user or password is wrong: ${inspect(user)}`
    } catch (error) {
      return `user ${inspect(user)} could not be authenticated: ${messageOf(error)}`
    }
  }

  #takeMessage(bytes: Buffer, messages: Message[]): Buffer {
    if (this.#backlog.length > 0 || bytes.length < HEAD_BYTES) return this.#takeInParts(bytes, messages)
    const head = readHead(bytes, this.#options.maxMessageBytes)
    if (bytes.length < head.length) {
      this.#head = head
      this.#backlog.append(bytes, head.length)
      return NOTHING
    }
    messages.push(this.#read(head, bytes.subarray(0, head.length)))
    return bytes.subarray(head.length)
  }

  /** A message of which more than one chunk has some bytes: first its head, then the rest. */
  #takeInParts(bytes: Buffer, messages: Message[]): Buffer {
    const length = this.#head?.length ?? HEAD_BYTES
    const missing = length - this.#backlog.length
    this.#backlog.append(bytes.subarray(0, missing), length)
    if (bytes.length < missing) return NOTHING
    const head = this.#head
    if (head) {
      this.#head = undefined
      messages.push(this.#read(head, this.#backlog.take()))
    } else {
      this.#head = readHead(this.#backlog.bytes, this.#options.maxMessageBytes)
    }
    return bytes.subarray(missing)
  }

  #read(head: Head, bytes: Buffer): Message {
    const message = head.isCompressed ? this.#uncompress(head, bytes) : bytes
    const value = decode(new Reader(message, HEAD_BYTES, head.isLittleEndian), this.#options.maxDepth)
    return { kind: head.kind === SYNC ? 'query' : 'update', value }
  }

  #uncompress({ isLittleEndian }: Head, bytes: Buffer): Buffer {
    const length = readLength(bytes, HEAD_BYTES, isLittleEndian)
    if (length <= HEAD_BYTES)
      throw new ProtocolError(`An uncompressed message of ${length} bytes is too short`)
    if (length > this.#options.maxMessageBytes) {
      throw new ProtocolError(`An uncompressed message of ${length} bytes is too long`)
    }
    return uncompress(bytes.subarray(HEAD_BYTES + LENGTH_BYTES), length)
  }
}

const NOTHING = Buffer.alloc(0)
