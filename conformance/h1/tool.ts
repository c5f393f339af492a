import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Target } from '../../harness/clients/target.js'

/** A tool's result for one test. */
export interface Finding {
  /** Name of the test, the same each time. */
  readonly test: string
  readonly verdict: string
  /** Further observations, which must also be equal. */
  readonly detail?: string
}

/** Tool that tests HTTP/1.1 servers. */
export interface Tool {
  readonly name: string
  /** Tests a server. @throws if the test could not run. */
  test(target: Target): Promise<Finding[]>
}

const LIMIT_MS = 120_000

/** Returns the output of a command. @throws if its exit status is not 0, or if it takes too long. */
export async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const signal = AbortSignal.timeout(LIMIT_MS)
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const [out, error, [status, by]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (status === 0) return out
  throw new Error(`${command} ended by ${by ?? `status ${status}`}: ${error}`)
}

/** Calls `act` for each of `items`, several at a time. @returns the results in the order of the items. */
export async function eachOf<T, R>(items: readonly T[], atOnce: number, act: (item: T) => Promise<R>) {
  const results: R[] = []
  let next = 0
  const work = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await act(items[at] as T)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results
}
