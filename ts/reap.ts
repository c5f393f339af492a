import { reapAll } from './children.js'
import { clearInterval, setInterval } from './clock.js'
import { expectMilliseconds } from './validate.js'
import type { WaitStatus } from './wait-status.js'

/**
Takes the status of every clone that has ended, now rather than when the event loop comes to it. There is
seldom need: clones are reaped as they end.

@returns how those ended that were reaped by this call.
*/
export function reap(): WaitStatus[] {
  return reapAll()
}

/**
Calls {@link reap} every `ms` milliseconds, without keeping the event loop going.

@returns a function that ends it.
*/
export function autoReap(ms: number): () => void {
  expectMilliseconds(ms, 'ms', 1)
  const interval = setInterval(reapAll, ms).unref()
  return () => clearInterval(interval)
}
