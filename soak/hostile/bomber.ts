import { greetingWithBomb } from './bomb.js'
import { comeBack, type Fate } from './come-back.js'

/** Sends a greeting that is refused, together with a bomb, and waits to be disconnected. */
export function throwBombs(port: number, fate: Fate, signal: AbortSignal) {
  return comeBack(port, fate, signal, (socket) => {
    socket.resume()
    socket.write(BOMB)
  })
}

const BOMB = greetingWithBomb('stranger')
