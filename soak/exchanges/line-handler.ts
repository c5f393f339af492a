import type { Socket } from 'node:net'
import { isClone } from 'node-qclone'
import { type Ask, readPath } from './ask.js'
import { reset } from './death.js'
import { pause } from './http-handler.js'
import { filled } from './token.js'
import { WANTED } from './wanted.js'

/** Serves a client line by line, one at a time. */
export function serveLines(socket: Socket): void {
  let text = ''
  let last: Promise<void> = Promise.resolve()
  socket.on('error', () => {})
  socket.on('end', () => void last.then(() => socket.end()))
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      // The error of a line that ends its clone must stay uncaught.
      last = last.then(() => answer(socket, line))
    }
  })
}

async function answer(socket: Socket, line: string): Promise<void> {
  const ask = readPath(line)
  if (socket.destroyed) return
  if (!ask) return say(socket, '?\n')
  const { act, token, size, wait } = ask
  if (act === 'later') await pause(wait)
  if (act === 'close') return void socket.end()
  if (act === 'destroy') return void socket.destroy()
  if (isFatal(ask)) return end(ask, socket)
  return say(socket, `${filled(token, size)}\n`)
}

function isFatal({ act }: Ask): boolean {
  return act === 'die' || act === 'throw' || act === 'exit'
}

/** Ends the clone. Without clones: "How the clone ended the session is how it ends." */
function end({ act }: Ask, socket: Socket): void {
  if (!isClone()) {
    if (act === 'exit') socket.destroy()
    else reset(socket)
    return
  }
  if (act === 'die') process.kill(process.pid, 'SIGKILL')
  if (act === 'exit') process.exit(0)
  throw new Error(WANTED)
}

function say(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve) => {
    socket.write(text, 'latin1', () => resolve())
  })
}
