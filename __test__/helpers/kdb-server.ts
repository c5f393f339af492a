import type { Server, Socket } from 'node:net'
import { type Codec, type Message, ProtocolError } from '#dist/codecs/codec.js'
import { netServer } from './connections.js'

/** What queries are answered from, and updates change. */
export interface Service {
  answer(value: unknown): unknown
  update(value: unknown): void
}

/** A server that speaks `codec`, in this process: nothing of it is cloned. */
export async function serveInProcess(codec: Codec, service: Service): Promise<Server> {
  const server = await netServer()
  server.on('connection', (socket) => converse(socket, codec, service))
  return server
}

function converse(socket: Socket, codec: Codec, service: Service): void {
  const conversation = codec.open()
  const take = (message: Message) => {
    if (message.kind === 'send') socket.write(message.bytes)
    else if (message.kind === 'refused') socket.destroy()
    else if (message.kind === 'update') service.update(message.value)
    else {
      try {
        socket.write(conversation.reply(message, service.answer(message.value)))
      } catch (error) {
        socket.write(conversation.fail(message, error))
      }
    }
  }
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    try {
      for (const message of conversation.receive(chunk)) take(message)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      error.messages.forEach(take)
      socket.destroy()
    }
  })
}
