import { Socket } from 'node:net'
import { native } from '../native.js'
import type { CloneOptions } from '../options/clone-options.js'
import type { StandardStreams } from '../types/clone.js'
import { fromFailure } from '../types/errors.js'

/** Streams of a clone without pipes. */
export const NO_STREAMS: StandardStreams = { stdin: null, stdout: null, stderr: null }

/** Numbers that the native fork uses for a standard stream without a descriptor. */
const AS_WORDS = { inherit: -1, ignore: -2 }

/** Standard streams of a clone. */
export interface Stdio {
  streams: StandardStreams
  /** For 0, 1 and 2: the descriptor that replaces it in the clone, or a negative number of {@link AS_WORDS}. */
  forClone: number[]
  /** Closes the clone's ends in the parent, once the clone has them. */
  letGo(): void
  /** Closes the parent's end of the clone's input once the clone has ended, since no other clone gets it. */
  endWith(exited: Promise<unknown>): void
  /** Closes everything, since there will be no clone. */
  discard(): void
}

/** @throws {QcloneError} if a pipe could not be opened. */
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
    // The clone can end at any time, and input written after that is lost.
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
