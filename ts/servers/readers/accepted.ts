import type { Server, Socket } from 'node:net'
import { native } from '../../native.js'
import { openAccepted } from '../../node-internals/sockets.js'

/** Opens a connection. @returns undefined, and closes the descriptor, if it cannot be opened as a connection. */
export function openSafely(fd: number, server: Server): Socket | undefined {
  try {
    return openAccepted(fd, server)
  } catch {
    native().closePipeEnd(fd)
    return undefined
  }
}
