import { native } from './native.js'
import { process } from './node.js'
import { expectPid } from './validate.js'

/** Memory of a process, in bytes, by `/proc/PID/smaps_rollup`. */
export interface Memory {
  /** In RAM, shared memory included: what `top` shows. */
  readonly rss: number
  /** In RAM, shared memory divided among those that share it. */
  readonly pss: number
  /** In RAM, and of nobody else: what would be free if the process ended. */
  readonly uss: number
  /** In swap. */
  readonly swap: number
}

/**
The memory of process `pid`. Reading it takes the kernel some milliseconds a gigabyte.

@param pid default: this process.
@throws {Error} when there is no such process, or it is not this user's.
*/
export function memoryOf(pid: number = process.pid): Memory {
  expectPid(pid, 'pid')
  const { rss, pss, uss, swap } = native().memoryOf(pid)
  return { rss, pss, uss, swap }
}
