import { AsyncLocalStorage } from 'node:async_hooks'
import { reportError } from '../../in-clone/exit.js'
import { onReport } from '../../in-clone/progress.js'
import { setImmediate } from '../../node-internals/clock.js'
import { handlers } from '../../observe/handlers.js'
import type { CloneOptions, RunOptions } from '../../options/clone-options.js'
import { Guard } from '../../parent/deadline.js'
import { NO_STREAMS } from '../../parent/stdio.js'
import { type Frame, Frames, KIND } from '../../transport/frames.js'
import { decodeValue, encodeValue } from '../../transport/messages.js'
import { Port } from '../../transport/port.js'
import type { Clone } from '../../types/clone.js'
import type { Source, Streaming } from '../../types/tasks.js'
import type { ResidentPort } from '../resident-port.js'
import { InlineClone } from './clone.js'
import { LocalLink } from './link.js'

/** Serializes a value and deserializes it again, as if it had come from a clone. */
function travelled<T>(value: T): T {
  const frames = new Frames(Infinity)
  frames.push(encodeValue(KIND.value, value))
  return decodeValue(frames.take() as Frame) as T
}

/** Runs `f` in this process at the end of this turn. Its value still travels by structured clone. */
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

/** Progress receiver of the current task: several tasks run at once in one process. */
const receiverOfTask = new AsyncLocalStorage<(value: unknown) => void>()

function reportInTask(value: unknown): void {
  receiverOfTask.getStore()?.(value)
}

/** Rejects when a guard would terminate the clone. Work that has begun continues, since nothing can stop it. */
function abortionOf(options: CloneOptions, name: string): { promise: Promise<never>; release: () => void } {
  const guard = new Guard(options, { kind: 'run', name })
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

/** Calls the function of `spawn` in this process. The task is over when this returns. */
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

/** Iterates over the values of `f` in this process. The values still travel by structured clone. */
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

/** Calls the function of `resident` in this process, which holds both sides of the port. */
export async function residentInline<Received, Sent, A extends unknown[]>(
  name: string,
  f: (port: Port<Received, Sent>, ...args: A) => unknown,
  args: A,
): Promise<ResidentPort<Sent, Received>> {
  const [here, there] = LocalLink.pair()
  const clone = new InlineClone('resident', name)
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
  handlers.newClone.call(clone, 'resident')
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
