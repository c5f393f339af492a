import { setFlagsFromString } from 'node:v8'
import { type ForkOutcome, native } from '../native.js'
import { calledInClones } from './ahead.js'

/**
A clone's event loop, when it has nothing else to do, does not wait for V8's threads: WebAssembly is compiled
synchronously.
*/
const ASYNC_WASM = 'wasm-async-compilation'

/** Without a thread that compiles, loops that run long are compiled synchronously. Functions stay unoptimized. */
const CONCURRENT = ['concurrent-recompilation', 'concurrent-osr']

/** Whether this process compiles WebAssembly synchronously already, being a clone. */
let isSynchronous = false

/**
Forks in such a way that a clone compiles WebAssembly synchronously, without a change to what code caches it accepts and
makes. The parent's flag is unset meanwhile: a clone would have to fault in all that it takes.
*/
export function forkForSynchronousWasm(fork: () => ForkOutcome | null): ForkOutcome | null {
  // First, as to find it resets the hash.
  native().findFlag(ASYNC_WASM)
  native().settleFlagHash()
  if (isSynchronous || !native().unsetQuietly(ASYNC_WASM)) return fork()
  try {
    const outcome = fork()
    isSynchronous = outcome === null
    return outcome
  } finally {
    if (!isSynchronous) native().restoreFlag(ASYNC_WASM)
  }
}

/** In a clone: sets the flags of V8 that it needs. */
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
