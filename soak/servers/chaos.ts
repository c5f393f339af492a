import { Agent } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Tally } from './expect.js'
import { askOnce } from './http-client.js'
import type { Ports } from './server.js'

const BURST_EVERY_MS = 5000
const CLIENTS_OF_BURST = 80
const GARBAGE = [
  'not json\n',
  '{"query":1\n',
  '{"other":1}\n',
  '\u0000\u0001\u0002\n',
  '[[[[[[[[[[[[[[[[[[\n',
]
const HALF_REQUEST = 'GET / HTTP/1.1\r\nhost: a\r\nx: '

/** Runs more clients than there are places, clients that break the protocol, and clients that send half a message. */
export async function startChaos(ports: Ports, going: () => boolean, tally: Tally): Promise<void> {
  for (let burst = 0; going(); burst++) {
    const slow = [ports.http, ports.sessions, ports.queries].map((port) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(port === ports.http ? HALF_REQUEST : '{"query":')
      return socket
    })
    const all = Array.from({ length: CLIENTS_OF_BURST }, async (_, index) => {
      const agent = new Agent({ keepAlive: false })
      await askOnce(agent, ports.http, `b${burst}.${index}`, 0, tally)
    })
    await Promise.all([...all, ...GARBAGE.map((garbage) => sendGarbage(ports.queries, garbage, tally))])
    await delay(BURST_EVERY_MS)
    for (const socket of slow) socket.destroy()
  }
}

/** Sends garbage, and expects the server to close the connection. */
async function sendGarbage(port: number, garbage: string, tally: Tally): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.write(garbage)
  await new Promise((resolve) => socket.on('close', resolve))
  tally.count('garbage: closed')
}
