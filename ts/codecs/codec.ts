import { expectArray, expectObject } from '../options/validate.js'
import { brand } from '../types/brand.js'

/** Message that expects a reply, made by the conversation's `reply` or `fail`. */
export interface Query {
  /** Marks a query. */
  readonly kind: 'query'
  /**
  The query. Can be a getter that decodes. Read once, in the process that evaluates the query, which is its clone.
  */
  readonly value: unknown
  /**
  Bytes of the message as received, for another process that reads them with `open(state).receive(raw)`. Read before
  `value`. Needed for `readYourWrites` of `cloneReaders`.
  */
  readonly raw?: Uint8Array
}

/** Message found in a client's bytes. */
export type Message =
  | Query
  | {
      /** Marks an update: the client expects no reply. */
      readonly kind: 'update'
      /** The update. Can be a getter that decodes. Read once, and only if there is an `onUpdate`. */
      readonly value: unknown
      /**
      Bytes of the message as received, for another process that reads them with `open(state).receive(raw)`. Read before
      `value`. Without them, the value is sent by structured clone.
      */
      readonly raw?: Uint8Array
    }
  | {
      /** Marks a part of the protocol, such as the answer to a greeting. */
      readonly kind: 'send'
      /** Bytes to send as they are. */
      readonly bytes: Uint8Array
    }
  | {
      /** Marks a client that is turned away, for example for a wrong password. Nothing follows. */
      readonly kind: 'refused'
      /** Reason the client is turned away. */
      readonly reason: string
    }

/** Codec between the bytes of a connection and messages. */
export interface Codec {
  /** Name for errors and logs. */
  readonly name: string
  /**
  Begins a conversation with a client that has just connected.

  @param state state of another process's conversation between two messages, to continue here.
  */
  open(state?: Uint8Array): Conversation
}

/** State of one connection. A clone has a copy of it, as of the fork. */
export interface Conversation {
  /** Whether the client has been let in: greetings are over. */
  readonly established: boolean
  /**
  State that another process needs to continue the conversation between two messages, at most 2,048 bytes. Undefined
  until the client has been let in. Unless a codec has both this and `rest`, connections of `cloneReaders` end with
  their generation.
  */
  readonly state?: Uint8Array | undefined
  /** Beginning of a message whose end has not been received. Empty between two messages. */
  readonly rest?: Uint8Array
  /**
  Returns the messages that are complete. The parent calls this for all clients, so it should only find where messages
  begin and end, and leave the decoding to getters of `value`.

  @throws {ProtocolError} if the bytes break the protocol or exceed its bounds. The conversation is then over, as it is
  when a getter of `value` throws a ProtocolError.
  */
  receive(chunk: Uint8Array): Message[]
  /**
  Returns the bytes of an answer.

  @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` if the protocol cannot represent the value.
  */
  reply(query: Query, value: unknown): Uint8Array
  /**
  Returns the bytes of an error reply. Never throws. If the query has no clone, the parent calls it, without having read
  `value`.
  */
  fail(query: Query, error: unknown): Uint8Array
}

/**
Error of a peer that breaks its protocol. If the peer is a client, its connection is reset; nothing else is affected.

@example
```js
import { ProtocolError } from 'node-qclone'

const receive = (bytes) => {
  if (bytes[0] !== 0x7b) throw new ProtocolError('A message is not a JSON object')
  return []
}
```
*/
export class ProtocolError extends Error {
  /** Always `'ProtocolError'`. */
  override readonly name = 'ProtocolError'
  /** Messages completed before the fault in the same chunk: it must not matter where the network cuts a stream. */
  readonly messages: readonly Message[]

  /** @throws {TypeError} if `messages` is not an array of messages. */
  constructor(message: string, messages: readonly Message[] = []) {
    super(message)
    expectMessages(messages, 'messages')
    this.messages = messages
  }
}

/** Returns whether `value` is a {@link ProtocolError}, even one that another copy of the package created. */
export const isProtocolError = brand(ProtocolError, 'ProtocolError')

/** @throws {TypeError} if `value` is not an array of messages. */
export function expectMessages(value: unknown, name: string): asserts value is readonly Message[] {
  expectArray(value, name)
  for (const [index, message] of value.entries()) expectObject(message, `${name}[${index}]`)
}
