import { createRequire } from 'node:module'
import { Server, Socket } from 'node:net'
import { onceInAllCopies } from '../copies/registry.js'
import { native } from '../native.js'
import { type Handle, handleOf, handleOfDatagrams } from '../node-internals/handles.js'
import { OWN_ADDRESS, PEER_ADDRESS } from '../node-internals/sockets.js'
import { isInherited } from './handle-numbers.js'

/** Address returned by Node's methods: without a port if a dead descriptor replaces an inherited socket. */
interface Address {
  address?: string
  family?: string
  port?: number
}

const { Socket: Datagrams } = createRequire(import.meta.url)('node:dgram') as typeof import('node:dgram')

// Inherited servers and sockets keep their addresses in clones. The getters `remoteAddress`, `localPort` and so on call
// these methods too. Patched at load in every process, since patching the prototypes would cost each clone 70 µs.
onceInAllCopies(Server.prototype, 'qclone.addresses', () => {
  complete(Server.prototype, 'address', false, handleOf)
  complete(Socket.prototype, OWN_ADDRESS, false, handleOf)
  complete(Socket.prototype, PEER_ADDRESS, true, handleOf)
  complete(Datagrams.prototype, 'address', false, handleOfDatagrams)
  complete(Datagrams.prototype, 'remoteAddress', true, handleOfDatagrams)
})

/** Makes the method `name` of `prototype` add the missing parts of an inherited address. */
function complete(
  prototype: object,
  name: string,
  ofPeer: boolean,
  handleOf: (of: object) => Handle | null | undefined,
): void {
  const methods = prototype as Record<string, (this: object) => Address | string | null>
  const ofNode = methods[name]
  if (typeof ofNode !== 'function') return
  methods[name] = function () {
    const found = ofNode.call(this)
    if (typeof found !== 'object' || !found || found.port !== undefined) return found
    const handle = handleOf(this)
    // The clone's own handle can have the same descriptor.
    if (handle && isInherited(handle)) {
      Object.assign(found, native().inheritedAddress(handle.fd, ofPeer))
    }
    return found
  }
}
