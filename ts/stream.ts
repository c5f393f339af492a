import { Channel } from './channel.js'
import { calledInClones } from './clone-context/ahead.js'
import { onSilentWrite } from './clone-context/connections.js'
import { leave, onUncaught, STATUS_OF_ERROR } from './clone-context/leave.js'
import { killAfter } from './guard.js'
import { streamInline } from './inline.js'
import { diedBefore, type Ends, type Launched, launch, prepare } from './launch.js'
import { AbortController, AbortSignal } from './node.js'
import { type CloneOptions, expectCloneOptions } from './options.js'
import { leaveWith, Port } from './port.js'
import { onReport } from './report.js'
import { isInline, settings } from './settings.js'
import { NO_STREAMS, type StandardStreams } from './stdio.js'
import { expectFunction } from './validate.js'

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
  if (isInline()) return streamInline(f, args)
  return new Values(options, f, args) as unknown as Streaming<T>
}

/** In the parent: the values as they come. */
class Values<A extends unknown[], T> implements StandardStreams {
  readonly stdin
  readonly stdout
  readonly stderr
  readonly #launched: Promise<Launched>
  readonly #grace: number | undefined
  readonly #values = this.#receive()
  /** Aborted when nobody wants the values any more before there is a clone. */
  readonly #unwanted = new AbortController()
  #live = false
  /** Whether the values are no longer wanted: how the clone then ends is of no interest. */
  #left = false

  constructor(options: CloneOptions, f: (...args: A) => Source<T> | Promise<Source<T>>, args: A) {
    const { name = f.name, grace, signal } = options
    this.#grace = grace
    const { signal: unwanted } = this.#unwanted
    let streams = NO_STREAMS
    const begin = async () => {
      const stdio = prepare({ event: 'stream', name }, options)
      streams = stdio.streams
      const launched = await launch({
        event: 'stream',
        name,
        options: { ...options, signal: signal ? AbortSignal.any([signal, unwanted]) : unwanted },
        stdio,
        link: 'socket',
        inClone: (ends) => produce(f, args, ends),
        calls: [f],
      })
      this.#live = true
      return launched
    }
    this.#launched = begin()
    // Told when the values are asked for.
    this.#launched.catch(() => {})
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
  }

  next(): Promise<IteratorResult<T, void>> {
    return this.#values.next()
  }

  async return(): Promise<IteratorResult<T, void>> {
    this.#left = true
    if (!this.#live) this.#unwanted.abort()
    // Before the generator, which may be waiting for a value that does not come.
    await this.#launched.then((launched) => this.#end(launched)).catch(() => {})
    return this.#values.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async *#receive(): AsyncGenerator<T, void, undefined> {
    // Not before the first value is asked for: by then, the constructor has come to its end.
    const launched = await this.#launched.catch((error) => {
      if (!this.#left) throw error
    })
    if (!launched) return
    const { channel, guard } = launched
    try {
      const port = new Port<T, never>(channel)
      yield* port
      const status = await guard.exited
      if (this.#left) return
      const wasInTime = guard.isLate && port.isWhole && status.status === 0
      if (guard.triggered && !wasInTime) throw guard.error(status)
      if (status.status === 0) return
      throw diedBefore('its last value', launched, status)
    } finally {
      await this.#end(launched)
    }
  }

  async #end({ clone, channel, guard }: Launched): Promise<void> {
    channel.destroy()
    await killAfter(clone, this.#grace).finally(() => guard.release())
  }
}

/** In the clone: sends what `f` yields, at the pace of who takes it. */
async function produce<A extends unknown[]>(
  f: (...args: A) => Source<unknown> | Promise<Source<unknown>>,
  args: A,
  { fd }: Ends,
): Promise<void> {
  const channel = new Channel(fd, { writable: true, maxBytes: settings().maxAnswerBytes })
  const port = new Port(channel)
  // What is to be written keeps the event loop going; to wait for the parent does not.
  port.unref()
  onReport(undefined)
  onSilentWrite(channel.tellWaits)
  const leaveWhenSent = (status: number) => {
    if (port.closed) leave(status)
    port.on('close', () => leave(status))
    port.ref()
  }
  const fail = (error: unknown) => {
    port.closeWith(error)
    leaveWhenSent(STATUS_OF_ERROR)
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

calledInClones(produce, iteratorOf)
