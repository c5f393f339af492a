import { clearTimeout, setTimeout } from '../node-internals/clock.js'
import { FORCE_KILL_AFTER_MS } from '../options/end-options.js'
import type { Clone, EndOptions } from '../types/clone.js'
import type { WaitStatus } from '../types/wait-status.js'

/** Clone that can be terminated. */
export type Mortal = Pick<Clone, 'kill' | 'exited'> & { readonly vouchedFor?: readonly string[] }

/** Terminates a clone with a signal it can handle, and with `SIGKILL` if that takes too long. */
export async function endClone(
  clone: Mortal,
  { killSignal = 'SIGTERM', forceKillAfterDelay = FORCE_KILL_AFTER_MS }: EndOptions,
): Promise<WaitStatus> {
  clone.kill(killSignal)
  // A stopped process acts on a signal only once it continues.
  clone.kill('SIGCONT')
  return killAfter(clone, forceKillAfterDelay)
}

/** Waits for a clone to end by itself, and kills it if that takes too long. Rejects if this process may not kill it. */
export async function killAfter(clone: Mortal, delay = FORCE_KILL_AFTER_MS): Promise<WaitStatus> {
  let timer: NodeJS.Timeout | undefined
  const refused = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      try {
        clone.kill('SIGKILL')
      } catch (error) {
        reject(error)
      }
    }, delay).unref()
  })
  try {
    return await Promise.race([clone.exited, refused])
  } finally {
    clearTimeout(timer)
  }
}

/** Kills a clone that is no longer useful, if permitted: a clone that has changed its user cannot be killed. */
export function discard(clone: Mortal): void {
  try {
    clone.kill('SIGKILL')
  } catch {
    // The clone ends by itself, or with this process.
  }
}
