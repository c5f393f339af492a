import { expectEndOptions } from '../options/end-options.js'
import type { EndOptions } from '../types/clone.js'
import type { WaitStatus } from '../types/wait-status.js'
import { abortWaiting } from './admission.js'
import { liveClones } from './clone-table.js'
import { endClone } from './terminate.js'

/**
Terminates all clones of this process. Calls that have no clone yet reject with `ERR_QCLONE_ABORTED`. Each clone gets a
signal, and `SIGKILL` if it has not ended within `forceKillAfterDelay` milliseconds.

@returns a promise of their wait statuses.
@example
```ts
import { stopAll } from 'node-qclone'

process.once('SIGTERM', async () => {
  await stopAll({ forceKillAfterDelay: 5000 })
  process.exit()
})
```
*/
export async function stopAll(options: EndOptions = {}): Promise<WaitStatus[]> {
  expectEndOptions(options)
  abortWaiting()
  return Promise.all(liveClones().map((clone) => endClone(clone, options)))
}

/**
Calls {@link stopAll} at the end of the block.

@example
```ts
import { cloneScope, spawn } from 'node-qclone'

{
  await using clones = cloneScope()
  spawn(() => 0)
} // The clone has ended.
```
*/
export function cloneScope(options: EndOptions = {}): AsyncDisposable {
  expectEndOptions(options)
  return {
    async [Symbol.asyncDispose]() {
      await stopAll(options)
    },
  }
}
