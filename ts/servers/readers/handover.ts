import { Buffer } from 'node:buffer'
import { native } from '../../native.js'
import { fromFailure } from '../../types/errors.js'
import type { Note } from './note.js'
import { parseNote } from './parse-note.js'

/** Messages taken in one turn. The rest waits for the next. */
const MOST_AT_ONCE = 64

type Receive = (note: Note | undefined, fds: number[]) => void

/** One end of the socket by which the parent and a reader hand connections to each other. Owns its descriptor. */
export class Handover {
  readonly #fd: number
  readonly #receive: Receive
  readonly #ended: () => void
  #watch: { close(): void } | undefined
  #isClosed = false

  /**
  @param receive called with each note, or undefined for what is none, and with the descriptors that came with it, which
  are the callee's.
  @param ended called once, when the other side has ended and everything it sent has been received.
  @throws {QcloneError} `ERR_QCLONE_FORK` if no descriptor is left to watch it.
  */
  constructor(fd: number, receive: Receive, ended: () => void) {
    this.#fd = fd
    this.#receive = receive
    this.#ended = ended
    const { watch, failure } = native().watchInput(fd, () => this.take())
    if (failure) throw fromFailure(failure)
    if (watch) this.#watch = watch
  }

  /**
  Sends a note, and with it descriptors, which stay open in this process too.

  @param waits whether to block until there is room.
  @returns the name of the error if it was not sent: `EAGAIN` for want of room.
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

  /** Receives what has arrived. */
  take(): void {
    if (this.#isClosed) return
    const { messages, ended } = native().receiveHandovers(this.#fd, MOST_AT_ONCE)
    for (const { message, fds } of messages) this.#receive(parseNote(message), fds)
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
