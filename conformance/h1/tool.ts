import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Target } from '../../__test__/clients/target.js'

/** What a tool said of one thing that it has tested. */
export interface Finding {
  /** The test, in the same words each time. */
  readonly test: string
  readonly verdict: string
  /** More of what it saw, which is to be the same, too. */
  readonly detail?: string
}

/** A tool that tests servers of HTTP/1.1. */
export interface Tool {
  readonly name: string
  /** Lets it test a server. @throws what kept it from that. */
  test(target: Target): Promise<Finding[]>
}

const LIMIT_MS = 120_000

/** What a command prints. @throws when it ends with another status than 0, or not in time. */
export async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const signal = AbortSignal.timeout(LIMIT_MS)
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const [out, error, [status, by]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (status === 0) return out
  throw new Error(`${command} ended by ${by ?? `status ${status}`}: ${error}`)
}

/** Does `act` with each of `items`, some at a time. @returns what came of each, in their order. */
export async function eachOf<T, R>(items: readonly T[], atOnce: number, act: (item: T) => Promise<R>) {
  const results: R[] = []
  let next = 0
  const work = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await act(items[at] as T)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results
}
