import { abortWaiting } from './admission.js'
import { liveClones } from './children.js'
import { type EndOptions, endClone, expectEndOptions } from './guard.js'
import type { WaitStatus } from './wait-status.js'

/**
Ends all clones of this process, and turns away the calls that wait for their turn: they reject with
`ERR_QCLONE_ABORTED`. Clones are sent a signal, and are killed by SIGKILL when they have not ended within `grace`
milliseconds.

@returns a promise of how they ended.
*/
export async function stopAll(options: EndOptions = {}): Promise<WaitStatus[]> {
  expectEndOptions(options)
  abortWaiting()
  return Promise.all(liveClones().map((clone) => endClone(clone, options)))
}

/** What ends all clones at the end of a block: `await using clones = scope()`. */
export function scope(options: EndOptions = {}): AsyncDisposable {
  expectEndOptions(options)
  return {
    async [Symbol.asyncDispose]() {
      await stopAll(options)
    },
  }
}
