import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import type { Link, LinkEvents } from './channel.js'
import type { Clone, EventType } from './children.js'
import { setImmediate } from './clock.js'
import { reportError } from './clone-context/leave.js'
import { decodeValue, encodeValue } from './delivery.js'
import { type Frame, Frames, KIND } from './frames.js'
import { Guard } from './guard.js'
import { handlers } from './handlers.js'
import { process } from './node.js'
import type { CloneOptions, RunOptions } from './options.js'
import type { Persistent } from './persist.js'
import { Port } from './port.js'
import { onReport } from './report.js'
import { NO_STREAMS } from './stdio.js'
import type { Source, Streaming } from './stream.js'
import type { WaitStatus } from './wait-status.js'

/** What a value is after it has travelled. */
function travelled<T>(value: T): T {
  const frames = new Frames(Infinity)
  frames.push(encodeValue(KIND.value, value))
  return decodeValue(frames.take() as Frame) as T
}

/** `run` in this process: at the end of this turn, and with a value that has travelled. */
export async function runInline<A extends unknown[], R>(
  options: RunOptions,
  f: (...args: A) => R,
  args: A,
): Promise<Awaited<R>> {
  const { onProgress } = options
  const aborted = abortionOf(options, options.name ?? f.name)
  onReport(reportInTask)
  const receive = (value: unknown) => onProgress?.(travelled(value))
  try {
    await Promise.race([aborted.promise, new Promise(setImmediate)])
    const value = receiverOfTask.run(receive, () => f(...args))
    return travelled(await Promise.race([value, aborted.promise])) as Awaited<R>
  } finally {
    aborted.release()
  }
}

/** What becomes of what the task reports that is running: several run at once, in one process. */
const receiverOfTask = new AsyncLocalStorage<(value: unknown) => void>()

function reportInTask(value: unknown): void {
  receiverOfTask.getStore()?.(value)
}

/** Rejects when a guard would end the clone. What was begun goes on: nothing can end it. */
function abortionOf(options: CloneOptions, name: string): { promise: Promise<never>; release: () => void } {
  const guard = new Guard(options, { event: 'run', name })
  let release = () => {}
  const promise = new Promise<never>((_, reject) => {
    const kill = () => {
      reject(guard.error())
      return true
    }
    guard.watch({ kill, exited: new Promise(() => {}) })
    release = () => guard.release()
  })
  promise.catch(() => {})
  return { promise, release }
}

/** `spawn` in this process: over when it returns. */
export function spawnInline(name: string, statusOf: () => number): Clone {
  const clone = new InlineClone('spawn', name)
  handlers.newClone.call(clone, 'spawn')
  handlers.inSpawn.call('spawn')
  let status: number
  try {
    status = statusOf()
  } catch (error) {
    reportError(error)
    status = 1
  }
  clone.end(status)
  return clone
}

/** `stream` in this process: the values, having travelled. */
export function streamInline<A extends unknown[], T>(
  f: (...args: A) => Source<T> | Promise<Source<T>>,
  args: A,
): Streaming<T> {
  const values = (async function* () {
    for await (const value of await f(...args)) yield travelled(value)
  })()
  return Object.assign(values as unknown as Streaming<T>, NO_STREAMS, {
    [Symbol.asyncDispose]: async () => {
      await values.return()
    },
  })
}

/** `persist` in this process: both sides of the port are here. */
export async function persistInline<Received, Sent, A extends unknown[]>(
  name: string,
  f: (port: Port<Received, Sent>, ...args: A) => unknown,
  args: A,
): Promise<Persistent<Sent, Received>> {
  const [here, there] = LocalLink.pair()
  const clone = new InlineClone('persist', name)
  const port = Object.assign(new Port<Sent, Received>(here), {
    clone,
    stop: async () => {
      port.close()
      return clone.exited
    },
    [Symbol.asyncDispose]: async () => {
      await port.stop()
    },
  })
  port.on('close', () => clone.end(0))
  handlers.newClone.call(clone, 'persist')
  const inside = new Port<Received, Sent>(there)
  setImmediate(async () => {
    try {
      await f(inside, ...args)
    } catch (error) {
      inside.closeWith(error)
    }
  })
  return port
}

/** Frames between two sides in one process. */
class LocalLink extends EventEmitter<LinkEvents> implements Link {
  readonly #arrived: Uint8Array[] = []
  #other: LocalLink | undefined
  #paused = true
  isOver = false

  static pair(): [LocalLink, LocalLink] {
    const [a, b] = [new LocalLink(), new LocalLink()]
    a.#other = b
    b.#other = a
    return [a, b]
  }

  send(frame: Uint8Array): boolean {
    const other = this.#other
    if (other) other.#arrive(frame)
    return other !== undefined
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    setImmediate(() => this.#deliver())
  }

  end(): void {
    for (const side of [this, this.#other]) {
      if (!side || side.isOver) continue
      side.isOver = true
      side.resume()
      side.emit('over')
    }
  }

  ref(): void {}

  unref(): void {}

  #arrive(frame: Uint8Array): void {
    this.#arrived.push(frame)
    setImmediate(() => this.#deliver())
  }

  #deliver(): void {
    while (!this.#paused) {
      const bytes = this.#arrived.shift()
      if (!bytes) break
      const frames = new Frames(Infinity)
      frames.push(bytes)
      const frame = frames.take()
      if (frame) this.emit('frame', frame)
    }
    if (this.isOver && this.#arrived.length === 0 && this.#other) {
      this.#other = undefined
      this.emit('close')
    }
  }
}

/** What stands in for a clone where there is none. Its pid is that of the process it runs in. */
class InlineClone implements Clone {
  readonly pid = process.pid
  readonly stdin = null
  readonly stdout = null
  readonly stderr = null
  readonly startedAt = Date.now()
  readonly timings = { censusMs: 0, mapsMs: 0, forkMs: 0, totalMs: 0 }
  readonly exited: Promise<WaitStatus>
  status: WaitStatus | undefined
  #settle: (status: WaitStatus) => void = () => {}

  constructor(
    readonly event: EventType,
    readonly name: string,
  ) {
    this.exited = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  end(status: number): WaitStatus {
    if (this.status) return this.status
    this.status = {
      pid: this.pid,
      exited: true,
      status,
      signaled: false,
      termsig: undefined,
      signal: undefined,
      coredumped: false,
      stopped: false,
      stopsig: undefined,
      continued: false,
      rusage: undefined,
    }
    this.#settle(this.status)
    handlers.oldClone.call(this.status, this.event)
    return this.status
  }

  /** There is no process to send a signal to but this one. */
  kill(): boolean {
    return false
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  stop(): Promise<WaitStatus> {
    return this.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.exited
  }
}
