import { connect, type Socket } from 'node:net'

/** Turns of the event loop in which the last bytes of a connection come that was reset. */
const REST_TURNS = 20

/**
Connects such that what a server has sent before it closed its end is read, although the client can write no more. Node
would drop it at the first write that fails.

@param broken called when a write has failed and all has been read.
*/
export function connectRobustly(port: number, broken: () => void): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const { destroy } = socket
  const internals = socket as unknown as { _readableState: { errored: Error | null } }
  let isBroken = false
  socket.destroy = (error) => {
    const isOfWrite = (error as NodeJS.ErrnoException | undefined)?.syscall === 'write'
    if (!isOfWrite) return Reflect.apply(destroy, socket, [error])
    // A stream that has failed takes nothing more, and has no end.
    internals._readableState.errored = null
    if (!isBroken) void untilQuiet(socket).then(broken)
    isBroken = true
    return socket
  }
  return socket
}

/** Reads until nothing has come for some turns: what was sent is with the kernel. */
async function untilQuiet(socket: Socket): Promise<void> {
  let quiet = 0
  socket.on('data', () => {
    quiet = 0
  })
  socket.resume()
  for (; quiet < REST_TURNS; quiet++) await new Promise((resolve) => setImmediate(resolve))
}
