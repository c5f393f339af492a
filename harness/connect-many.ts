import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Connections that are being opened at the same time. Fewer than a server's backlog. */
const OPENED_AT_ONCE = 100

/** Opens connections to a port of this machine until there are `count` in `sockets`. Calls `opened` with each. */
export async function connectMany(
  port: number,
  count: number,
  sockets: Socket[],
  opened: (socket: Socket) => unknown = () => {},
): Promise<void> {
  const open = async () => {
    while (sockets.length < count) {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      await once(socket, 'connect')
      socket.on('error', () => {})
      await opened(socket)
    }
  }
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, open))
}
