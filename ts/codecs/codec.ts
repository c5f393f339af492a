/** What a client's bytes held. */
export type Message =
  /**
  The client waits for a reply, which `reply` or `fail` of the conversation makes for this very message. `value` can be a
  getter that decodes: only the process that evaluates the query reads it, which is its clone, and reads it once.
  */
  | { readonly kind: 'query'; readonly value: unknown }
  /** The client waits for nothing. `value` can be a getter: it is read once, and only if there is somebody to take it. */
  | { readonly kind: 'update'; readonly value: unknown }
  /** Part of the protocol itself, such as the answer to a greeting. To be sent as it is. */
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** The client is turned away, as with a wrong password. Nothing follows. */
  | { readonly kind: 'refused'; readonly reason: string }

/** A message that waits for a reply. */
export type Query = Extract<Message, { kind: 'query' }>

/** How messages lie in the bytes of a connection. */
export interface Codec {
  /** For errors and logs. */
  readonly name: string
  /** Begins a conversation with a client that has just connected. */
  open(): Conversation
}

/** The state of one connection. A clone has a copy of it, as it was at the fork. */
export interface Conversation {
  /** Whether the client has been let in: greetings are over. */
  readonly established: boolean
  /**
  Takes bytes apart, as many messages as are whole. The parent calls this for all clients, so it should find where
  messages begin and end, and leave the decoding to the getters of `value`.

  @throws {ProtocolError} when they are not of this protocol, or beyond its bounds. The conversation is over then, as it
  is when a getter of `value` throws a ProtocolError.
  */
  receive(chunk: Uint8Array): Message[]
  /** The bytes that answer a query. @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` when the protocol has no way to say the value. */
  reply(query: Query, value: unknown): Uint8Array
  /**
  The bytes that tell the client what went wrong with its query. Never throws. The parent calls it when the query has no
  clone, and has not read `value`.
  */
  fail(query: Query, error: unknown): Uint8Array
}

/** A client that does not keep to its protocol. Its connection is closed, and nothing else is touched. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  /** What was whole before the fault, in the same chunk: where the network cuts a stream must not decide what counts. */
  readonly messages: readonly Message[]

  constructor(message: string, messages: readonly Message[] = []) {
    super(message)
    this.messages = messages
  }
}
