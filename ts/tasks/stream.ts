import { leave, onUncaught, STATUS_OF_ERROR } from '../in-clone/exit.js'
import { calledInClones } from '../in-clone/precompile.js'
import { onReport } from '../in-clone/progress.js'
import { onSilentWrite } from '../in-clone/silent-connections.js'
import { AbortController, AbortSignal } from '../node-internals/process.js'
import { type CloneOptions, EXPECT_OF_CLONE } from '../options/clone-options.js'
import { isInline, settings } from '../options/settings.js'
import { expectFunction } from '../options/validate.js'
import { defaultPlaces, type Places } from '../parent/admission.js'
import { type Ends, failureAtEnd, type Launched, launch, prepare } from '../parent/launch.js'
import { NO_STREAMS } from '../parent/stdio.js'
import { killAfter } from '../parent/terminate.js'
import { Channel } from '../transport/channel.js'
import { leaveWith, Port } from '../transport/port.js'
import type { StandardStreams } from '../types/clone.js'
import type { Source, Streaming } from '../types/tasks.js'
import type { WaitStatus } from '../types/wait-status.js'
import { streamInline } from './inline/tasks.js'
import { type WithOptions, withOptions } from './with-options.js'

/**
Runs a generator in a clone and yields its values one by one. Forks when called, as {@link run} does, not at the first
read. The clone runs ahead of its consumer until the socket's buffers are full, then waits. Leaving the loop terminates
the clone.

@returns an iterator for one loop. It throws the errors of `f` and the {@link QcloneError}s of {@link run}.
@throws {TypeError} if `f` is not a function. Nothing else is thrown.

@example
```js
import { stream } from 'node-qclone'

const trades = [{ size: 100 }, { size: 250 }]
for await (const trade of stream(function* () {
  for (const trade of trades) if (trade.size > 200) yield trade
})) {
  console.log(trade) // { size: 250 }
}
```
*/
export const stream: WithOptions<CloneOptions, Stream> = streamIn(defaultPlaces)

/** Creates {@link stream} for these places. */
export function streamIn(places: Places): WithOptions<CloneOptions, Stream> {
  return withOptions(
    EXPECT_OF_CLONE,
    (options): Stream =>
      (f, ...args) =>
        streamWith(places, options, f, args),
  )
}

/** Signature of {@link stream}. */
export type Stream = <A extends unknown[], T>(
  f: (...args: A) => Source<T> | Promise<Source<T>>,
  ...args: A
) => Streaming<T>

function streamWith<A extends unknown[], T>(
  places: Places,
  options: CloneOptions,
  f: (...args: A) => Source<T> | Promise<Source<T>>,
  args: A,
): Streaming<T> {
  expectFunction(f, 'f')
  if (isInline()) return streamInline(f, args)
  return new Values(places, options, f, args) as unknown as Streaming<T>
}

/** In the parent: iterator over the values. */
class Values<A extends unknown[], T> implements StandardStreams {
  readonly stdin
  readonly stdout
  readonly stderr
  readonly #launched: Promise<Launched>
  readonly #forceKillAfterDelay: number | undefined
  readonly #values = this.#receive()
  /** Aborted when the loop is left before the clone exists. */
  readonly #unwanted = new AbortController()
  #live = false
  /** Whether the loop was left. The way the clone ends is then not an error. */
  #left = false

  constructor(
    places: Places,
    options: CloneOptions,
    f: (...args: A) => Source<T> | Promise<Source<T>>,
    args: A,
  ) {
    const { name = f.name, forceKillAfterDelay, signal } = options
    this.#forceKillAfterDelay = forceKillAfterDelay
    const { signal: unwanted } = this.#unwanted
    let streams = NO_STREAMS
    const begin = async () => {
      const stdio = prepare({ kind: 'stream', name }, options)
      streams = stdio.streams
      const launched = await launch({
        places,
        kind: 'stream',
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
    // The first read throws the error.
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
    // The clone is ended first, since the generator may be waiting for a value that never comes.
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
    // Runs at the first read, after the constructor has set `#launched`.
    const launched = await this.#launched.catch((error) => {
      if (!this.#left) throw error
    })
    if (!launched) return
    const { channel, guard } = launched
    try {
      const port = new Port<T, never>(channel)
      yield* port
      const wasInTime = () => !guard.triggered || (guard.isLate && port.isWhole)
      const isInOrder = ({ status }: WaitStatus) => this.#left || (status === 0 && wasInTime())
      const failure = await failureAtEnd('it sent its last value', launched, isInOrder)
      if (failure) throw failure
    } finally {
      await this.#end(launched)
    }
  }

  async #end({ clone, channel, guard }: Launched): Promise<void> {
    channel.destroy()
    await killAfter(clone, this.#forceKillAfterDelay).finally(() => guard.release())
  }
}

/** In the clone: sends the values that `f` yields, at the consumer's pace. */
async function produce<A extends unknown[]>(
  f: (...args: A) => Source<unknown> | Promise<Source<unknown>>,
  args: A,
  { fd }: Ends,
): Promise<void> {
  const channel = new Channel(fd, { writable: true, maxBytes: settings().maxAnswerBytes })
  const port = new Port(channel)
  // Pending writes keep the event loop alive. Waiting for the parent does not.
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
      'Expected `f` to be a generator function or to return an iterable: use `run` for a single value',
    )
  }
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]()
  return (async function* () {
    yield* source
  })()
}

calledInClones(produce, iteratorOf)
