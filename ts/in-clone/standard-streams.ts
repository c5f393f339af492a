import { createReadStream, fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { Stream, Writable } from 'node:stream'
import { isatty, ReadStream as TtyReadStream } from 'node:tty'
import { type CloneFacts, native } from '../native.js'
import { define } from '../node-internals/define.js'
import { process } from '../node-internals/process.js'
import { asStandardStream, shareWritableState } from '../node-internals/streams.js'
import { hold, redefine } from './hold.js'
import { calledInClones } from './precompile.js'

/**
Gives the clone its own standard streams.

The parent's streams to a terminal or file write synchronously and have nothing pending. A stream to a pipe or socket
may have pending data, which both processes would write. The clone's streams therefore start empty, and write
synchronously too, so that nothing is lost when the clone exits.

@param facts Which of the descriptors 1 and 2 have a dead stream of the parent, and which are a pipe or socket.
*/
export function ownStreams(facts: CloneFacts): void {
  for (const [fd, name] of [
    [1, 'stdout'],
    [2, 'stderr'],
  ] as const) {
    if (facts.isDeadOutput(fd) || (facts.isPipeOutput(fd) && isLockedStream(name)))
      takeOver(process[name], fd)
    else if (facts.isPipeOutput(fd)) defineLazily(name, () => writeAtOnce(fd))
  }
  defineLazily('stdin', openStdin)
}

/** Returns whether the property cannot be redefined, and holds a stream. Other writing objects have nothing pending. */
function isLockedStream(name: 'stdout' | 'stderr'): boolean {
  const isLocked = Reflect.getOwnPropertyDescriptor(process, name)?.configurable === false
  return isLocked && process[name] instanceof Stream
}

/** Makes a stream that writes synchronously, so that nothing is ever pending. */
function writeAtOnce(fd: number): Writable {
  const stream = new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _, done) {
      try {
        native().writeAll(fd, chunk)
      } catch (error) {
        return done(error as Error)
      }
      done()
    },
    // Like every standard stream of Node, it never closes its descriptor.
    destroy: (error, done) => done(error),
  })
  return asStandardStream(stream, fd)
}

/** Makes `old`, which other code references, behave like a fresh stream. Most clones never use that stream. */
function takeOver(old: NodeJS.WriteStream, fd: number): void {
  let fresh: Writable | undefined
  const freshOnce = () => {
    fresh ??= followed(writeAtOnce(fd), old)
    return fresh
  }
  for (const name of TAKEN_OVER) {
    hold(old[name])
    const ofFresh = (...args: never[]) => Reflect.apply(freshOnce()[name], fresh, args)
    Object.assign(old, { [name]: ofFresh })
  }
  hold(shareWritableState(freshOnce, old))
}

const TAKEN_OVER = ['write', 'end', 'cork', 'uncork', 'setDefaultEncoding', 'destroy'] as const

/** Makes `old` emit the events that `fresh` emits. */
function followed(fresh: Writable, old: NodeJS.WriteStream): Writable {
  for (const event of ['drain', 'error', 'finish', 'close']) {
    fresh.on(event, (...args) => old.emit(event, ...args))
  }
  return fresh
}

/** Opens standard input as Node does, by the type of its descriptor. */
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
  redefine(process, name, {
    get: () => {
      stream ??= open()
      return stream
    },
  })
}

calledInClones(
  ownStreams,
  isLockedStream,
  defineLazily,
  writeAtOnce,
  asStandardStream,
  takeOver,
  followed,
  shareWritableState,
  define,
)
calledInClones(Writable, Writable[Symbol.hasInstance])
