import { connect, type Socket, type TcpSocketConnectOpts } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What became of hostile clients of one kind. */
export interface Fate {
  /** Connections they have made. */
  came: number
  /** Connections that the server has closed. */
  cutOff: number
  /** For how long it kept the one that it kept longest, in milliseconds; of those that it has closed. */
  longestMs: number
}

const PAUSE_MS = 1000

/**
Has `act` done over a connection, and over another one a second after the server has closed it, until `signal` is
aborted.
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
    // How it is cut off is up to the server.
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

/** Calls `act` every so many milliseconds until the connection is closed. */
export function every(ms: number, socket: Socket, act: () => void): void {
  const timer = setInterval(act, ms)
  socket.once('close', () => clearInterval(timer))
}
