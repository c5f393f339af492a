import { type Conversation, type Message, ProtocolError } from '#dist/codecs/codec.js'

/** What came of a stream that was cut into chunks. */
export interface Outcome {
  /** Decoded. */
  readonly messages: Message[]
  readonly error: string | undefined
}

/** All messages in chunks, decoded one after another as a server does it, and why there are no more. */
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

/** What a chunk holds. What was whole before a fault is taken first, and can have one of its own. */
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

/** A message, decoded, as an object of its properties. @throws {ProtocolError} when it cannot be decoded. */
export function plain(message: Message): Message {
  if (!('value' in message)) return message
  const { kind, value, id } = message as Message & { value: unknown; id?: unknown }
  return { kind, value, ...(id !== undefined && { id }) } as Message
}
