import { Channel } from './channel.js'
import { leave, leaveWith, onUncaught } from './clone-context/leave.js'
import { findTimers } from './clone-context/timers.js'
import { QcloneError } from './errors.js'
import { killAfter } from './guard.js'
import { streamInline } from './inline.js'
import { type Ends, type Launched, launch } from './launch.js'
import { type CloneOptions, expectCloneOptions } from './options.js'
import { Port } from './port.js'
import { onReport } from './report.js'
import { isInline } from './settings.js'
import { openStdio, type StandardStreams } from './stdio.js'
import { expectFunction } from './validate.js'
import { inWords } from './wait-status.js'

/** What a function gives one after another. */
export type Source<T> = AsyncIterable<T> | Iterable<T>

/** The values of a clone's function, as they come, with the parent's ends of those standard streams that are pipes. */
export interface Streaming<T> extends AsyncIterableIterator<T, void, undefined>, StandardStreams {
  /** Ends the clone: its generator is told to return, and the clone killed when that takes longer than `grace`. */
  return(): Promise<IteratorResult<T, void>>
  [Symbol.asyncDispose](): Promise<void>
}

/**
Forks as `run` does, and gives the values that `f` yields in the clone, one by one. The clone goes on ahead of who
takes them for as much as a socket holds, and then waits.

The fork is made by this call, not by the first look at the values. To leave the loop ends the clone.

@returns an iterator, to be gone through once, that throws what `f` throws, or a {@link QcloneError} as of `run`.
@throws {TypeError} when `f` is no function; nothing else is thrown.
*/
export const stream: Stream & {
  /**
  `stream` with options.

  @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
  */
  with(options: CloneOptions): Stream
} = Object.assign(((f, ...args) => streamWith({}, f, args)) as Stream, {
  with(options: CloneOptions): Stream {
    expectCloneOptions(options)
    return (f, ...args) => streamWith(options, f, args)
  },
})

/** How {@link stream} is called. */
export type Stream = <A extends unknown[], T>(
  f: (...args: A) => Source<T> | Promise<Source<T>>,
  ...args: A
) => Streaming<T>

function streamWith<A extends unknown[], T>(
  options: CloneOptions,
  f: (...args: A) => Source<T> | Promise<Source<T>>,
  args: A,
): Streaming<T> {
  expectFunction(f, 'f')
  const { name = f.name } = options
  if (isInline()) return streamInline(f, args)
  findTimers()
  const stdio = openStdio(options)
  const inClone = (ends: Ends) => produce(f, args, ends)
  const launched = launch({ event: 'stream', name, options, stdio, link: 'socket', inClone })
  // Told when the values are asked for.
  launched.catch(() => {})
  return Object.assign(new Values<T>(launched, options), stdio.streams)
}

/** In the parent: the values as they come. */
class Values<T> {
  readonly #launched: Promise<Launched>
  readonly #options: CloneOptions
  readonly #values: AsyncGenerator<T, void, undefined>
  #begun = false

  constructor(launched: Promise<Launched>, options: CloneOptions) {
    this.#launched = launched
    this.#options = options
    this.#values = this.#receive()
  }

  next(): Promise<IteratorResult<T, void>> {
    this.#begun = true
    return this.#values.next()
  }

  async return(): Promise<IteratorResult<T, void>> {
    // A generator that was never asked for a value has nothing to clean up by itself.
    if (!this.#begun)
      await this.#launched.then(
        (launched) => this.#end(launched),
        () => {},
      )
    return this.#values.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async *#receive(): AsyncGenerator<T, void, undefined> {
    const launched = await this.#launched
    const { clone, channel, guard } = launched
    const port = new Port<T, never>(channel)
    try {
      yield* port
      const status = await clone.exited
      if (guard.triggered) throw guard.error(status)
      if (status.status === 0) return
      const message = `clone ${clone.pid} ${inWords(status)} before its last value`
      throw new QcloneError('ERR_QCLONE_DIED', message, { status })
    } finally {
      await this.#end(launched)
    }
  }

  async #end({ clone, channel, guard }: Launched): Promise<void> {
    channel.destroy()
    await killAfter(clone, this.#options.grace).finally(() => guard.release())
  }
}

/** In the clone: sends what `f` yields, at the pace of who takes it. */
async function produce<A extends unknown[]>(
  f: (...args: A) => Source<unknown> | Promise<Source<unknown>>,
  args: A,
  { fd }: Ends,
): Promise<void> {
  const channel = new Channel(fd, { writable: true })
  const port = new Port(channel)
  // What is to be written keeps the event loop going; to wait for the parent does not.
  port.unref()
  onReport(undefined)
  const leaveWhenSent = (status: number) => {
    if (port.closed) leave(status)
    port.on('close', () => leave(status))
    port.ref()
  }
  const fail = (error: unknown) => {
    port.closeWith(error)
    leaveWhenSent(1)
  }
  onUncaught((error) => leaveWith(error, channel))
  try {
    const source = await f(...args)
    const values = iteratorOf(source)
    port.on('close', () => values.return?.())
    for await (const value of { [Symbol.asyncIterator]: () => values }) {
      if (port.closed) break
      if (!port.postMessage(value)) await port.drained()
    }
  } catch (error) {
    return fail(error)
  }
  port.close()
  leaveWhenSent(0)
}

function iteratorOf(source: Source<unknown>): AsyncIterator<unknown> {
  if (
    typeof source !== 'object' ||
    source === null ||
    !(Symbol.asyncIterator in source || Symbol.iterator in source)
  ) {
    throw new TypeError(
      'Expected `f` to be a generator function, or to return something to iterate over: use `run` for a single value',
    )
  }
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]()
  return (async function* () {
    yield* source
  })()
}
