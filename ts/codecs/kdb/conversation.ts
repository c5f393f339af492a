import { Buffer } from 'node:buffer'
import { inspect } from 'node:util'
import { expectNoPromise } from '../../options/validate.js'
import { Backlog } from '../backlog.js'
import { type Conversation, isProtocolError, type Message, ProtocolError, type Query } from '../codec.js'
import { messageOf } from '../unencodable.js'
import { encodeError, encodeReply } from './encode-reply.js'
import { HEAD_BYTES, type Head, PACKED_HEAD_BYTES, readHead } from './frame.js'
import { readGreeting } from './greeting.js'
import { KdbMessage } from './message.js'
import type { KdbOptions } from './options.js'

type Phase = 'greeting' | 'talking' | 'refused' | 'broken'

/** Conversation with one client of kdb+. */
export class KdbConversation implements Conversation {
  readonly #options: Required<KdbOptions>
  readonly #backlog = new Backlog()
  #phase: Phase = 'greeting'
  #capability = 0
  /** Head of the message in the backlog, once it is known. */
  #head: Head | undefined

  /** @param state `state` of the conversation to continue here. */
  constructor(options: Required<KdbOptions>, state?: Uint8Array) {
    this.#options = options
    if (!state) return
    this.#phase = 'talking'
    this.#capability = state[0] ?? 0
  }

  get established(): boolean {
    return this.#phase === 'talking'
  }

  get state(): Uint8Array | undefined {
    return this.#phase === 'talking' ? Uint8Array.of(this.#capability) : undefined
  }

  get rest(): Uint8Array {
    return this.#backlog.bytes
  }

  receive(chunk: Uint8Array): Message[] {
    const messages: Message[] = []
    try {
      let rest: Buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      while (rest.length > 0) rest = this.#take(rest, messages)
    } catch (error) {
      this.#phase = 'broken'
      this.#backlog.take()
      if (!isProtocolError(error)) throw error
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

  /** Takes the bytes that belong to the next message. Returns the bytes after it. */
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

  /** @throws {TypeError} if the check returns a promise, which the client cannot fix. */
  #whyRefused(user: string, password: string): string | undefined {
    let isLetIn: unknown
    try {
      isLetIn = this.#options.authenticate(user, password)
    } catch (error) {
      return `user ${inspect(user)} could not be authenticated: ${messageOf(error)}`
    }
    expectNoPromise(isLetIn, 'authenticate')
    return isLetIn === true ? undefined : `user or password is wrong: ${inspect(user)}`
  }

  #takeMessage(bytes: Buffer, messages: Message[]): Buffer {
    if (this.#backlog.length === 0) {
      const head = readHead(bytes, this.#options)
      if (head && bytes.length >= head.length) {
        messages.push(new KdbMessage(head, bytes.subarray(0, head.length), this.#options))
        return bytes.subarray(head.length)
      }
      this.#head = head
    }
    return this.#takeInParts(bytes, messages)
  }

  /** Takes a part of a message that spans several chunks: first its head, then the rest. */
  #takeInParts(bytes: Buffer, messages: Message[]): Buffer {
    const backlog = this.#backlog
    const wanted = this.#head?.length ?? (backlog.length < HEAD_BYTES ? HEAD_BYTES : PACKED_HEAD_BYTES)
    const missing = wanted - backlog.length
    backlog.append(bytes.subarray(0, missing), wanted)
    if (bytes.length < missing) return NOTHING
    if (this.#head) {
      messages.push(new KdbMessage(this.#head, backlog.take(), this.#options))
      this.#head = undefined
    } else {
      this.#head = readHead(backlog.bytes, this.#options)
    }
    return bytes.subarray(missing)
  }
}

const NOTHING = Buffer.alloc(0)
