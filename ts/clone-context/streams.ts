import { createReadStream, fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { isatty, ReadStream as TtyReadStream } from 'node:tty'
import { native } from '../native.js'
import { process } from '../node.js'
import { calledInClones } from './ahead.js'
import { hold } from './hold.js'

/**
Gives the clone standard streams of its own.

Of its parent's, those to a terminal or a file write at once and have nothing pending. One to a pipe or a socket
may, and both processes would write it. A clone's therefore begin anew, and also write at once: a clone that
leaves has said all that it had to say.

@param dead a bit for each descriptor, `1 << fd`, on which the parent has a stream whose handle is dead here.
@param pipes a bit for each that is a pipe or a socket.
*/
export function ownStreams(dead: number, pipes: number): void {
  for (const [fd, name] of [
    [1, 'stdout'],
    [2, 'stderr'],
  ] as const) {
    const bit = 1 << fd
    if (dead & bit) takeOver(process[name], writeAtOnce(fd))
    else if (pipes & bit) defineLazily(name, () => writeAtOnce(fd))
  }
  defineLazily('stdin', openStdin)
}

/** A stream on which nothing is ever pending. */
function writeAtOnce(fd: number): Writable {
  const stream = new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      try {
        native().writeAll(fd, chunk)
      } catch (error) {
        return done(error as Error)
      }
      done()
    },
    // As of every standard stream of node's: it is never closed.
    destroy: (error, done) => done(error),
  })
  return Object.assign(stream, { fd, _type: 'pipe', _isStdio: true, destroySoon: stream.destroy })
}

/** Makes `old`, which others hold, do as `fresh` does. */
function takeOver(old: NodeJS.WriteStream, fresh: Writable): void {
  hold({ ...old })
  for (const method of ['write', 'end', 'cork', 'uncork', 'setDefaultEncoding', 'destroy'] as const) {
    Object.assign(old, { [method]: fresh[method].bind(fresh) })
  }
  // What `writableLength` and its like tell.
  const { _writableState } = fresh as unknown as { _writableState: unknown }
  Object.assign(old, { _writableState })
  for (const event of ['drain', 'error', 'finish', 'close']) {
    fresh.on(event, (...args) => old.emit(event, ...args))
  }
}

/** As node opens it: by what is there. */
function openStdin(): NodeJS.ReadableStream {
  const fd = 0
  if (isatty(fd)) return new TtyReadStream(fd)
  if (!isPipe(fd)) return createReadStream('', { fd, autoClose: false })
  const socket = new Socket({ fd, readable: true, writable: false })
  socket.pause()
  return Object.assign(socket, { fd })
}

function isPipe(fd: number): boolean {
  try {
    const stat = fstatSync(fd)
    return stat.isFIFO() || stat.isSocket()
  } catch {
    return false
  }
}

function defineLazily(name: 'stdin' | 'stdout' | 'stderr', open: () => unknown): void {
  let stream: unknown
  Object.defineProperty(process, name, {
    get: () => {
      stream ??= open()
      return stream
    },
    configurable: true,
    enumerable: true,
  })
}

calledInClones(ownStreams, defineLazily, writeAtOnce, takeOver, Writable, Writable[Symbol.hasInstance])
