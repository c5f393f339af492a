import { setFlagsFromString } from 'node:v8'
import { type ForkOutcome, native } from '../native.js'
import { calledInClones } from './precompile.js'

/**
Flag unset in clones, so that they compile WebAssembly synchronously: a clone's event loop, when it has nothing else to
do, does not wait for V8's threads.
*/
const ASYNC_WASM = 'wasm-async-compilation'

/** Flags unset in clones without a compiler thread: long loops are then optimized synchronously, functions never. */
const CONCURRENT = ['concurrent-recompilation', 'concurrent-osr']

/** Whether this process is a clone and already compiles WebAssembly synchronously. */
let isSynchronous = false

/**
Forks with V8's flag unset, so that the clone compiles WebAssembly synchronously and still accepts and makes the same
code caches. Unsetting it in the clone would fault in many pages.
*/
export function forkForSynchronousWasm(fork: () => ForkOutcome | null): ForkOutcome | null {
  if (isSynchronous) {
    native().settleFlagHash()
    return fork()
  }
  if (!native().unsetForFork(ASYNC_WASM)) return fork()
  try {
    const outcome = fork()
    isSynchronous = outcome === null
    return outcome
  } finally {
    if (!isSynchronous) native().restoreFlag(ASYNC_WASM)
  }
}

/** In a clone: sets the V8 flags it needs. */
export function compileHere(hasWorker: boolean): void {
  if (!isSynchronous) {
    unset(ASYNC_WASM)
    isSynchronous = true
  }
  if (hasWorker) return
  CONCURRENT.forEach(unset)
  native().settleFlagHash()
}

function unset(flag: string): void {
  if (!native().unsetQuietly(flag)) setFlagsFromString(`--no-${flag}`)
}

calledInClones(compileHere, unset)
