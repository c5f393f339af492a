import { clearInterval, setInterval } from '../node-internals/clock.js'
import { expectMilliseconds } from '../options/validate.js'
import type { WaitStatus } from '../types/wait-status.js'
import { reapAll } from './clone-table.js'

/**
Collects the wait status of every clone that has ended. Rarely needed, since an event reaps clones as they end.

@returns the wait statuses of the clones that this call reaped.
@example
```ts
import { clones, reap } from 'node-qclone'

while (clones().length > 8) reap()
```
*/
export function reap(): WaitStatus[] {
  return reapAll()
}

/**
Calls {@link reap} every `ms` milliseconds, without keeping the event loop alive.

@returns a function that stops it.
@example
```ts
import { autoReap } from 'node-qclone'

const stop = autoReap(1000)
stop()
```
*/
export function autoReap(ms: number): () => void {
  expectMilliseconds(ms, 'ms', 1)
  const interval = setInterval(reapAll, ms).unref()
  return () => clearInterval(interval)
}
