import { connect, isIP, type Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { process } from '../../node-internals/process.js'
import type { Destination } from './address.js'

/**
Connects to a server.

@param greet Called once connected; with TLS, once the server's certificate has been verified.
*/
export function openSocket(
  { place, isTls }: Destination,
  tls: boolean | ConnectionOptions,
  greet: (socket: Socket) => void,
): Socket {
  if (!tls && !isTls) {
    const socket = connect(place)
    return socket.once('connect', () => greet(socket))
  }
  // Loaded here, because loading it takes longer than loading the rest of this module.
  const { connect: connectTls } = process.getBuiltinModule('node:tls')
  const named = 'host' in place && isIP(place.host) === 0 && { servername: place.host }
  const socket = connectTls({ ...named, ...(typeof tls === 'object' && tls), ...place })
  return socket.once('secureConnect', () => greet(socket))
}
