import { connect, type Socket, type TcpSocketConnectOpts } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Figures of the hostile clients of one kind. */
export interface Fate {
  /** Connections they have made. */
  came: number
  /** Connections that the server has closed. */
  cutOff: number
  /** Longest lifetime of a connection that the server has closed, in milliseconds. */
  longestMs: number
}

const PAUSE_MS = 1000

/**
Calls `act` with a connection, and with a new one a second after the server has closed it, until `signal` is aborted.
*/
export async function comeBack(
  port: number,
  fate: Fate,
  signal: AbortSignal,
  act: (socket: Socket) => void,
  options: Pick<TcpSocketConnectOpts, 'onread'> = {},
): Promise<void> {
  while (!signal.aborted) {
    fate.came++
    const begun = performance.now()
    const socket = connect({ ...options, port, host: '127.0.0.1', noDelay: true })
    // The server may close it in any way.
    socket.on('error', () => {})
    const leave = () => socket.destroy()
    signal.addEventListener('abort', leave)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    act(socket)
    await closed
    signal.removeEventListener('abort', leave)
    if (signal.aborted) return
    fate.cutOff++
    fate.longestMs = Math.max(fate.longestMs, Math.round(performance.now() - begun))
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
  }
}

/** Calls `act` every `ms` milliseconds until the connection is closed. */
export function every(ms: number, socket: Socket, act: () => void): void {
  const timer = setInterval(act, ms)
  socket.once('close', () => clearInterval(timer))
}
