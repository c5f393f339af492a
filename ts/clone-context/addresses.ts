import { createRequire } from 'node:module'
import { Server, Socket } from 'node:net'
import { onceInAllCopies } from '../copies.js'
import { native } from '../native.js'
import { isInherited, type Numbered } from './numbering.js'

/** What Node's functions answer: without a port, of what stands in for an inherited socket. */
interface Address {
  address?: string
  family?: string
  port?: number
}

/** An object on a socket, as Node has it. Neither has a name for it. */
interface OnSocket {
  _handle?: (Numbered & { fd?: number }) | null
}

const { Socket: Datagrams } = createRequire(import.meta.url)('node:dgram') as typeof import('node:dgram')

const handleOf = (of: OnSocket) => of._handle

// In clones servers and sockets of the parent's go on telling their addresses. From the beginning, in every process: to
// change the prototypes would take a clone 70 microseconds. The underscored methods are what the getters `remoteAddress`,
// `localPort` and their like ask.
onceInAllCopies(Server.prototype, 'qclone.addresses', () => {
  complete(Server.prototype, 'address', false, handleOf)
  complete(Socket.prototype, '_getsockname', false, handleOf)
  complete(Socket.prototype, '_getpeername', true, handleOf)
  complete(Datagrams.prototype, 'address', false, handleOfDatagrams)
  complete(Datagrams.prototype, 'remoteAddress', true, handleOfDatagrams)
})

/** Has `name` of `prototype` add what is missing of an inherited address. */
function complete(
  prototype: object,
  name: string,
  ofPeer: boolean,
  handleOf: (of: OnSocket) => OnSocket['_handle'],
): void {
  const methods = prototype as Record<string, (this: OnSocket) => Address | string | null>
  const ofNode = methods[name]
  if (typeof ofNode !== 'function') return
  methods[name] = function () {
    const found = ofNode.call(this)
    if (typeof found !== 'object' || !found || found.port !== undefined) return found
    const handle = handleOf(this)
    // A handle of the clone's own may have the same descriptor.
    if (handle && isInherited(handle)) {
      Object.assign(found, native().inheritedAddress(handle.fd ?? -1, ofPeer))
    }
    return found
  }
}

/** `socket._handle` of UDP warns of its deprecation. */
function handleOfDatagrams(socket: object): OnSocket['_handle'] {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  return state && (socket as Record<symbol, { handle: OnSocket['_handle'] }>)[state]?.handle
}
