import { Buffer } from 'node:buffer'
import { Backlog } from '../backlog.js'
import { type Conversation, isProtocolError, type Message, ProtocolError, type Query } from '../codec.js'
import { NdjsonMessage } from './message.js'
import type { NdjsonOptions } from './options.js'
import { outlineOf } from './outline.js'
import { failure, result } from './reply.js'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Conversation with one client that sends lines of JSON. */
export class NdjsonConversation implements Conversation {
  readonly #options: Required<NdjsonOptions>
  readonly #backlog = new Backlog()
  #isOver = false

  constructor(options: Required<NdjsonOptions>) {
    this.#options = options
  }

  get established(): boolean {
    return !this.#isOver
  }

  /** Nothing is remembered from one line to the next. */
  get state(): Uint8Array {
    return NOTHING
  }

  get rest(): Uint8Array {
    return this.#backlog.bytes
  }

  receive(chunk: Uint8Array): Message[] {
    if (this.#isOver) throw new ProtocolError('The conversation is over')
    const messages: Message[] = []
    try {
      this.#take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), messages)
    } catch (error) {
      if (!isProtocolError(error)) throw error
      this.#isOver = true
      this.#backlog.take()
      throw new ProtocolError(error.message, messages)
    }
    return messages
  }

  reply(query: Query, value: unknown): Uint8Array {
    return result((query as NdjsonMessage).id, value)
  }

  fail(query: Query, error: unknown): Uint8Array {
    return failure((query as NdjsonMessage).id, error)
  }

  #take(bytes: Buffer, messages: Message[]): void {
    let from = 0
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, from)
      const part = bytes.subarray(from, end === -1 ? bytes.length : end)
      this.#expectRoomFor(part)
      if (end === -1) {
        this.#backlog.append(part, this.#options.maxMessageBytes)
        return
      }
      const line = this.#whole(part)
      if (line.length > 0) messages.push(this.#read(line))
      from = end + 1
    }
  }

  #expectRoomFor(part: Buffer): void {
    const { maxMessageBytes } = this.#options
    if (this.#backlog.length + part.length > maxMessageBytes) {
      throw new ProtocolError(
        `A line of more than ${maxMessageBytes} bytes is too long: see \`maxMessageBytes\``,
      )
    }
  }

  /** Returns the line that ends with `part`, without its terminator. */
  #whole(part: Buffer): Buffer {
    let line = part
    if (this.#backlog.length > 0) {
      this.#backlog.append(part, this.#options.maxMessageBytes)
      line = this.#backlog.take()
    }
    return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
  }

  #read(line: Buffer): Message {
    const outline = outlineOf(line, this.#options)
    const { maxUpdateBytes } = this.#options
    if (outline.kind === 'update' && line.length > maxUpdateBytes) {
      throw new ProtocolError(
        `An update of ${line.length} bytes is too long: \`maxUpdateBytes\` is ${maxUpdateBytes}`,
      )
    }
    return new NdjsonMessage(outline, line)
  }
}

const NOTHING = Buffer.alloc(0)
