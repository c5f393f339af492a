import { type Conversation, type Message, ProtocolError } from 'node-qclone'

/** Result of decoding a stream that was split into chunks. */
export interface Outcome {
  /** Decoded messages. */
  readonly messages: Message[]
  readonly error: string | undefined
}

/** Decodes all messages in the chunks one after another, as a server does, and returns them and the error, if any. */
export function outcomeOf(conversation: Conversation, chunks: Iterable<Uint8Array>): Outcome {
  const messages: Message[] = []
  const take = (received: readonly Message[]) => {
    for (const message of received) messages.push(plain(message))
  }
  try {
    for (const chunk of chunks) take(received(conversation, chunk, take))
    return { messages, error: undefined }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { messages, error: error.message }
  }
}

/** Returns the messages of a chunk. Messages before a fault are taken first, and can be faulty themselves. */
function received(
  conversation: Conversation,
  chunk: Uint8Array,
  take: (messages: readonly Message[]) => void,
): Message[] {
  try {
    return conversation.receive(chunk)
  } catch (error) {
    if (error instanceof ProtocolError) take(error.messages)
    throw error
  }
}

/** Decodes a message into a plain object. @throws {ProtocolError} if it cannot be decoded. */
export function plain(message: Message): Message {
  if (!('value' in message)) return message
  const { kind, value, id } = message as Message & { value: unknown; id?: unknown }
  return { kind, value, ...(id !== undefined && { id }) } as Message
}
