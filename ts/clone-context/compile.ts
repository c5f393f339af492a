import { setFlagsFromString } from 'node:v8'
import type { ForkOutcome } from '../native.js'
import { process } from '../node.js'
import { calledInClones } from './ahead.js'

/** Arguments of node that say so, or imply it (V8's flag-definitions.h). */
const IMPLYING = /^--(no[-_]?wasm[-_]async[-_]compilation|single[-_]threaded|predictable)$/

/** Whether WebAssembly is compiled synchronously already: in a clone, or as node was started so. */
let synchronous = process.execArgv.some((arg) => IMPLYING.test(arg))

/**
Forks in such a way that a clone compiles WebAssembly synchronously: an event loop with nothing else to do does not
wait for V8's threads.

V8 finds a flag by its name among all of them. That takes the parent microseconds, and a clone, which has none of those
pages, a tenth of a millisecond. V8 does not tell how a flag is set: one that was set by `v8.setFlagsFromString` is lost
in the parent.
*/
export function forkForSynchronousWasm(fork: () => ForkOutcome | null): ForkOutcome | null {
  if (synchronous) return fork()
  setFlagsFromString('--no-wasm-async-compilation')
  try {
    const outcome = fork()
    synchronous = outcome === null
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
