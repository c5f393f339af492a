import { connect, type Socket } from 'node:net'

/** Turns of the event loop within which the last bytes of a reset connection arrive. */
const REST_TURNS = 20

/**
Connects so that data the server sent before it closed its end is still read after the client can no longer write.
Node would drop that data at the first failed write.

@param broken called when a write has failed and everything has been read.
*/
export function connectRobustly(port: number, broken: () => void): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const { destroy } = socket
  const internals = socket as unknown as { _readableState: { errored: Error | null } }
  let isBroken = false
  socket.destroy = (error) => {
    const isOfWrite = (error as NodeJS.ErrnoException | undefined)?.syscall === 'write'
    if (!isOfWrite) return Reflect.apply(destroy, socket, [error])
    // A failed stream accepts no more data and emits no end.
    internals._readableState.errored = null
    if (!isBroken) void untilQuiet(socket).then(broken)
    isBroken = true
    return socket
  }
  return socket
}

/** Reads until nothing has arrived for some turns. The kernel already holds everything that was sent. */
async function untilQuiet(socket: Socket): Promise<void> {
  let quiet = 0
  socket.on('data', () => {
    quiet = 0
  })
  socket.resume()
  for (; quiet < REST_TURNS; quiet++) await new Promise((resolve) => setImmediate(resolve))
}
