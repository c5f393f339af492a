import { Buffer } from 'node:buffer'
import { native } from '../../native.js'
import { fromFailure } from '../../types/errors.js'
import type { Note } from './note.js'
import { parseNote } from './parse-note.js'

/** Maximum number of messages taken in one turn. The rest wait for the next. */
const MOST_AT_ONCE = 64

type Receive = (note: Note | undefined, fds: number[]) => void

/** One end of the socket over which the parent and a reader hand connections to each other. Owns its descriptor. */
export class Handover {
  readonly #fd: number
  readonly #receive: Receive
  readonly #ended: () => void
  readonly #taken: () => void
  #watch: { close(): void } | undefined
  #isClosed = false

  /**
  @param receive called with each note, or undefined if it is malformed, and with the descriptors that came with it,
  which then belong to the callee.
  @param ended called once, when the other side has ended and everything it sent has been received.
  @param taken called after each batch of notes has been received, in the same turn.
  @throws {QcloneError} `ERR_QCLONE_FORK` if no descriptor is left to watch it.
  */
  constructor(fd: number, receive: Receive, ended: () => void, taken: () => void = () => {}) {
    this.#fd = fd
    this.#receive = receive
    this.#ended = ended
    this.#taken = taken
    const { watch, failure } = native().watchInput(fd, () => this.take())
    if (failure) throw fromFailure(failure)
    if (watch) this.#watch = watch
  }

  /**
  Sends a note with descriptors, which stay open in this process too.

  @param waits whether to block until there is room.
  @returns the name of the error if it was not sent: `EAGAIN` if there was no room.
  */
  send(note: Note, fds: number[] = [], waits = false): string | undefined {
    if (this.#isClosed) return 'EPIPE'
    return native().sendHandover(this.#fd, Buffer.from(JSON.stringify(note)), fds, waits) ?? undefined
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#watch?.close()
    native().closePipeEnd(this.#fd)
  }

  /** Receives messages that have arrived. */
  take(): void {
    if (this.#isClosed) return
    const { messages, ended } = native().receiveHandovers(this.#fd, MOST_AT_ONCE)
    try {
      for (const { message, fds } of messages) this.#receive(parseNote(message), fds)
    } finally {
      this.#taken()
    }
    if (!ended) return
    this.close()
    this.#ended()
  }
}

/** Opens both ends. @throws {QcloneError} `ERR_QCLONE_FORK` if no descriptor is left. */
export function openHandover(): [own: number, other: number] {
  const { ends, failure } = native().openHandover()
  if (failure) throw fromFailure(failure)
  return ends as [number, number]
}
