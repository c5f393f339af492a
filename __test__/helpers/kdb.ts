import type { Conversation, Message, Query } from 'node-qclone'
import { type KdbOptions, kdb } from 'node-qclone/kdb'
import { plain } from '../../harness/messages/outcome.js'

export { outcomeOf, plain } from '../../harness/messages/outcome.js'

const HEAD_BYTES = 8
const QUERY_KIND = 1
/** Of clients of today. */
export const CAPABILITY = 3

export interface Framing {
  kind?: number
  isLittleEndian?: boolean
  /** What the head says, if not the truth. */
  length?: number
}

/** A message of a body, given in bytes or in hex. */
export function framed(body: Uint8Array | string, framing: Framing = {}): Buffer {
  const { kind = 1, isLittleEndian = true } = framing
  const bytes = typeof body === 'string' ? Buffer.from(body.replaceAll(' ', ''), 'hex') : body
  const message = Buffer.alloc(HEAD_BYTES + bytes.length)
  const { length = message.length } = framing
  message[0] = isLittleEndian ? 1 : 0
  message[1] = kind
  if (isLittleEndian) message.writeUInt32LE(length, 4)
  else message.writeUInt32BE(length, 4)
  message.set(bytes, HEAD_BYTES)
  return message
}

/** What this project's own encoder sends as a query. */
export function queryOf(value: unknown): Buffer {
  const message = Buffer.from(opened({ compress: false }).reply(QUERY, value))
  message[1] = QUERY_KIND
  return message
}

export function greeting(text = 'user:password', capability: number | null = CAPABILITY): Buffer {
  return Buffer.from([...Buffer.from(text), ...(capability === null ? [] : [capability]), 0])
}

/** A conversation with a client that has been let in. */
export function opened(options: KdbOptions = {}, capability: number | null = CAPABILITY): Conversation {
  const conversation = kdb(options).open()
  conversation.receive(greeting('user:password', capability))
  return conversation
}

/** The messages in `bytes`, decoded. */
export function messagesIn(bytes: Uint8Array, conversation = opened()): Message[] {
  return conversation.receive(bytes).map(plain)
}

/** What the only message in `bytes` says. */
export function received(bytes: Uint8Array, conversation = opened()): unknown {
  const messages = conversation.receive(bytes)
  const [message] = messages
  if (messages.length !== 1 || message === undefined || !('value' in message)) {
    throw new Error(`not one message: ${JSON.stringify(messages)}`)
  }
  return message.value
}

/** What a body says. */
export function decoded(body: Uint8Array | string, framing?: Framing): unknown {
  return received(framed(body, framing))
}

export const QUERY: Query = { kind: 'query', value: '' }

/** The body of the reply that says `value`, in hex. */
export function bodyOf(value: unknown, conversation = opened()): string {
  return Buffer.from(conversation.reply(QUERY, value)).subarray(HEAD_BYTES).toString('hex')
}

/** A value to the encoder, and its bytes to the decoder. */
export function roundTrip(value: unknown): unknown {
  return received(queryOf(value))
}

/** An object as dicts with names are decoded: without a prototype. */
export function record(properties: object): Record<string, unknown> {
  return Object.assign(Object.create(null), properties)
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}
