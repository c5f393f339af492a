import { setFlagsFromString } from 'node:v8'
import type { ForkOutcome } from '../native.js'
import { calledInClones } from './ahead.js'

/** Whether WebAssembly is compiled synchronously as it is: in a clone, or since node was started so. */
let synchronous = process.execArgv.some((arg) => /^--no[-_]?wasm[-_]async[-_]compilation$/.test(arg))

/**
Forks in such a way that a clone compiles WebAssembly synchronously: an event loop with nothing else to do does not
wait for V8's threads.

V8 finds a flag by its name among all of them. That takes the parent microseconds, and a clone, which has none of those
pages, a tenth of a millisecond.
*/
export function forkForSynchronousWasm(fork: () => ForkOutcome): ForkOutcome {
  if (synchronous) return fork()
  setFlagsFromString('--no-wasm-async-compilation')
  try {
    const outcome = fork()
    synchronous = outcome.pid !== undefined
    return outcome
  } finally {
    if (!synchronous) setFlagsFromString('--wasm-async-compilation')
  }
}

/**
Sees to it that what is hot gets compiled. In a clone without a thread for it, loops that run long are compiled
synchronously; functions that are called often then stay unoptimized.
*/
export function compileHere(hasWorker: boolean): void {
  if (hasWorker) return
  setFlagsFromString('--no-concurrent-recompilation')
  setFlagsFromString('--no-concurrent-osr')
}

calledInClones(compileHere)
