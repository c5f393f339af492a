import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { until } from './processes.js'

/** Makes a server listen on loopback. @returns its port. */
export async function listenOn(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Waits until a server has no connections. */
export async function untilUnconnected(server: Server): Promise<void> {
  let open = -1
  await until('no connection is open', () => {
    server.getConnections((_, count) => {
      open = count
    })
    return open === 0
  })
}
