import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { fromFailure } from './errors.js'
import { native } from './native.js'
import type { CloneOptions } from './options.js'

/** The parent's ends of a clone's standard streams, as far as they are pipes. */
export interface StandardStreams {
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
}

/** No standard stream of the clone is a pipe. */
export const NO_STREAMS: StandardStreams = { stdin: null, stdout: null, stderr: null }

/** What the native fork takes for a standard stream that is no descriptor. */
const AS_WORDS = { inherit: -1, ignore: -2 }

/** A clone's standard streams. */
export interface Stdio {
  streams: StandardStreams
  /** For 0, 1 and 2: the descriptor that the clone gets in its place, or a number below 0 for a word. */
  forClone: number[]
  /** Closes the clone's ends in the parent, once the clone has them. */
  letGo(): void
  /** Closes the clone's input in the parent once the clone has ended. No other clone is to get it. */
  endWith(exited: Promise<unknown>): void
  /** Closes all: there will be no clone. */
  discard(): void
}

/** @throws {QcloneError} when no pipe could be opened. */
export function openStdio({ stdin = 'ignore', stdout = 'inherit', stderr = 'inherit' }: CloneOptions): Stdio {
  const ends: number[] = []
  const opened: Socket[] = []
  const letGo = () => {
    for (const fd of ends.splice(0)) native().closePipeEnd(fd)
  }
  const discard = () => {
    letGo()
    for (const stream of opened) stream.destroy()
  }
  const open = (
    how: 'ignore' | 'inherit' | 'pipe',
    toClone: boolean,
  ): [forClone: number, stream: Socket | null] => {
    if (how !== 'pipe') return [AS_WORDS[how], null]
    const { ends: pair, failure } = native().openPipe()
    if (failure) {
      discard()
      throw fromFailure(failure)
    }
    const [readEnd, writeEnd] = pair as [number, number]
    const [own, forClone] = toClone ? [writeEnd, readEnd] : [readEnd, writeEnd]
    ends.push(forClone)
    const stream = new Socket({ fd: own, readable: !toClone, writable: toClone })
    // The clone may end at any time, and what is written to it then is lost with it.
    stream.on('error', () => {})
    opened.push(stream)
    return [forClone, stream]
  }
  const [input, intoClone] = open(stdin, true)
  const [output, outOfClone] = open(stdout, false)
  const [errors, errorsOfClone] = open(stderr, false)
  const closeInput = () => void intoClone?.destroy()
  return {
    streams: { stdin: intoClone, stdout: outOfClone, stderr: errorsOfClone },
    forClone: [input, output, errors],
    letGo,
    endWith: (exited) => void exited.then(closeInput, closeInput),
    discard,
  }
}
