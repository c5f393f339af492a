import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A server that listens on loopback, or at `path`. */
export async function netServer(path?: string): Promise<Server> {
  const server = createServer()
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path })
  await once(server, 'listening')
  return server
}

/** Both ends of a new connection: the client's, the server's. */
export async function pair(server: Server): Promise<[Socket, Socket]> {
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const address = server.address() as AddressInfo | string
  const socket = typeof address === 'string' ? connect(address) : connect(address.port, '127.0.0.1')
  await once(socket, 'connect')
  const [peer] = await accepted
  return [socket, peer]
}
