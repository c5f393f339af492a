import { writeSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { inspect } from 'node:util'
import { expectFunction } from '../options/validate.js'
import type { Clone, CloneKind } from '../types/clone.js'
import type { QcloneError } from '../types/errors.js'
import type { WaitStatus } from '../types/wait-status.js'

/** Handler in front of an earlier one, `prev`, which it calls or skips. */
export type Shim<A extends unknown[]> = (prev: (...args: A) => void, ...args: A) => void

/** Chain of handlers of one event, each in front of the earlier ones. */
export class HandlerChain<A extends unknown[]> {
  readonly #name: string
  /** Newest last. */
  readonly #shims: Array<{ shim: Shim<A> }> = []

  constructor(name: string) {
    this.#name = name
  }

  /**
  Puts `shim` in front of the handlers already there.

  @returns a function that removes this handler and leaves the others. Calling it twice does nothing more.
  @example
  ```ts
  import { handlers } from 'node-qclone'

  const undo = handlers.newClone.shim((prev, clone, kind) => {
    console.log(`${kind}: ${clone.pid}`)
    prev(clone, kind)
  })
  ```
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

  /** Handlers of the chain, newest last. */
  get shims(): ReadonlyArray<Shim<A>> {
    return this.#shims.map(({ shim }) => shim)
  }

  /** Whether the chain has no handlers. */
  get isEmpty(): boolean {
    return this.#shims.length === 0
  }

  /** Calls the handlers, newest first. A handler that throws is reported on stderr and breaks nothing else. */
  call(...args: A): void {
    // A copy, since a handler can add and remove handlers.
    this.#callFrom([...this.#shims], args)
  }

  #callFrom(shims: Array<{ shim: Shim<A> }>, args: A): void {
    const link = shims.at(-1)
    if (!link) return
    try {
      link.shim((...passed) => this.#callFrom(shims.slice(0, -1), passed), ...args)
    } catch (error) {
      try {
        // Synchronous, since a clone may be about to exit.
        writeSync(2, `qclone: a handler of ${this.#name} threw ${inspect(error)}\n`)
      } catch {
        // stderr is closed, or the error cannot be inspected.
      }
    }
  }
}

/** Chains of functions called at points in a clone's life. */
export const handlers = Object.freeze({
  /** In the parent: a clone was made. Called before `spawn` returns. */
  newClone: new HandlerChain<[clone: Clone, kind: CloneKind]>('newClone'),
  /** In the parent: a clone has ended and was reaped. */
  oldClone: new HandlerChain<[status: WaitStatus, kind: CloneKind]>('oldClone'),
  /** In the parent: a clone could not be made, including because of a full queue. The caller gets the error too. */
  forkFailed: new HandlerChain<[error: QcloneError, kind: CloneKind]>('forkFailed'),
  /**
  In every kind of clone, before any other user code. Use it to give the clone its own ids, counters and buffers.
  Asynchronous work it starts is not awaited. Not called in inline mode, where there is no clone.
  */
  inClone: new HandlerChain<[kind: CloneKind]>('inClone'),
  /** In a clone made by `run`, `stream`, `resident` or `spawn`, before its function is called. */
  inSpawn: new HandlerChain<[kind: CloneKind]>('inSpawn'),
  /** In a clone of `cloneRequests`, before the request is handled. */
  inRequest: new HandlerChain<[request: IncomingMessage, response: ServerResponse]>('inRequest'),
  /** In a clone of `offload`, before its function is called. */
  inOffload: new HandlerChain<[response: ServerResponse]>('inOffload'),
  /** In a clone of `cloneSessions`, before the connection is emitted. */
  inSession: new HandlerChain<[socket: Socket]>('inSession'),
  /** In a clone of `cloneSessions`, when the session is over and before the clone exits. */
  inSessionEnd: new HandlerChain<[socket: Socket]>('inSessionEnd'),
  /** In a clone of `cloneQueries`, before the query is evaluated. */
  inQuery: new HandlerChain<[query: unknown]>('inQuery'),
  /** In a reader of `cloneReaders`, before its first connection. */
  inReader: new HandlerChain<[generation: number]>('inReader'),
  /** In the parent: `unload` has given all servers back. */
  unload: new HandlerChain<[]>('unload'),
})
