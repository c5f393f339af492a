import { native } from '../native.js'
import { process } from '../node-internals/process.js'
import { expectPid } from '../options/validate.js'
import { QcloneError } from '../types/errors.js'

/** Memory of a process in bytes, from `/proc/PID/smaps_rollup`. */
export interface Memory {
  /** Memory in RAM, shared memory counted in full, as in `top`. */
  readonly rss: number
  /** Memory in RAM, shared memory divided equally among the processes that share it. */
  readonly pss: number
  /** Memory in RAM that is not shared with any process: it becomes free when the process ends. */
  readonly uss: number
  /** Memory in swap. */
  readonly swap: number
}

/**
Returns the memory of a process. The kernel needs about 10 ms per gigabyte.

@param pid Process id, this process by default.
@throws {QcloneError} `ERR_QCLONE_PROC_UNREADABLE` if there is no such process or it belongs to another user.
@example
```ts
import { clones, memoryOf } from 'node-qclone'

for (const { pid, name } of clones()) console.log(name, memoryOf(pid).uss)
```
*/
export function memoryOf(pid: number = process.pid): Memory {
  expectPid(pid, 'pid')
  const binding = native()
  try {
    const { rss, pss, uss, swap } = binding.memoryOf(pid)
    return { rss, pss, uss, swap }
  } catch (cause) {
    throw new QcloneError('ERR_QCLONE_PROC_UNREADABLE', (cause as Error).message, { cause })
  }
}
