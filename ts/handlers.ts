import { writeSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { inspect } from 'node:util'
import type { Clone, EventType } from './children.js'
import type { QcloneError } from './errors.js'
import { expectFunction } from './validate.js'
import type { WaitStatus } from './wait-status.js'

/** A handler that knows the one it was put before: it calls `prev`, or does not. */
export type Shim<A extends unknown[]> = (prev: (...args: A) => void, ...args: A) => void

/** Handlers of one event, each put before those that were there. */
export class HandlerChain<A extends unknown[]> {
  readonly #name: string
  /** Newest last. */
  readonly #shims: Array<{ shim: Shim<A> }> = []

  constructor(name: string) {
    this.#name = name
  }

  /**
  Puts `shim` before the present handlers.

  @returns its own undo, which takes out this one and leaves the others. Undoing twice does nothing.
  */
  shim(shim: Shim<A>): () => void {
    expectFunction(shim, 'shim')
    const link = { shim }
    this.#shims.push(link)
    return () => {
      const index = this.#shims.indexOf(link)
      if (index !== -1) this.#shims.splice(index, 1)
    }
  }

  /** The handlers, newest last. */
  get shims(): ReadonlyArray<Shim<A>> {
    return this.#shims.map(({ shim }) => shim)
  }

  /** Whether nobody has put a handler here. */
  get isEmpty(): boolean {
    return this.#shims.length === 0
  }

  /** Calls the handlers, newest first. One that throws is reported on stderr, and breaks nothing else. */
  call(...args: A): void {
    // A copy: a handler may add and undo handlers.
    this.#callFrom([...this.#shims], args)
  }

  #callFrom(shims: Array<{ shim: Shim<A> }>, args: A): void {
    const link = shims.at(-1)
    if (!link) return
    try {
      link.shim((...passed) => this.#callFrom(shims.slice(0, -1), passed), ...args)
    } catch (error) {
      try {
        // Synchronous and at once: a clone may be about to leave.
        writeSync(2, `qclone: a handler of ${this.#name} threw ${inspect(error)}\n`)
      } catch {
        // Nobody reads stderr, or the error cannot be shown.
      }
    }
  }
}

/** The chains. */
export const handlers = Object.freeze({
  /** In the parent: a clone was made. */
  newClone: new HandlerChain<[clone: Clone, event: EventType]>('newClone'),
  /** In the parent: a clone has ended and was reaped. */
  oldClone: new HandlerChain<[status: WaitStatus, event: EventType]>('oldClone'),
  /** In the parent: a clone could not be made. The caller is told too. */
  forkFailed: new HandlerChain<[error: QcloneError, event: EventType]>('forkFailed'),
  /**
  In every clone, whatever it is for, before any other code of the user's: what makes ids, counters and buffers in
  memory the clone's own. Synchronous: what it begins is not waited for. Never called inline, where there is no clone.
  */
  inClone: new HandlerChain<[event: EventType]>('inClone'),
  /** In the clone: it was made by `spawn`, `run`, `stream` or `persist`, and its function is about to be called. */
  inSpawn: new HandlerChain<[event: EventType]>('inSpawn'),
  /** In the clone: it was made for this request, which is about to be handled. */
  inRequest: new HandlerChain<[request: IncomingMessage, response: ServerResponse]>('inRequest'),
  /** In the clone: it was made by `offload` for this response, and its function is about to be called. */
  inOffload: new HandlerChain<[response: ServerResponse]>('inOffload'),
  /** In the clone: it was made for this client, whose connection is about to be told of. */
  inSession: new HandlerChain<[socket: Socket]>('inSession'),
  /** In the clone: the session is over, and the clone leaves next. */
  inSessionEnd: new HandlerChain<[socket: Socket]>('inSessionEnd'),
  /** In the clone: it was made for this query, which is about to be evaluated. */
  inQuery: new HandlerChain<[query: unknown]>('inQuery'),
  /** `unload` has given all servers back. */
  unload: new HandlerChain<[]>('unload'),
})
