import { setFlagsFromString } from 'node:v8'
import { native } from '../native.js'
import { calledInClones } from './ahead.js'

/**
A clone's event loop, when it has nothing else to do, does not wait for V8's threads: WebAssembly is compiled
synchronously.
*/
const ASYNC_WASM = 'wasm-async-compilation'

/** Without a thread that compiles, loops that run long are compiled synchronously. Functions stay unoptimized. */
const CONCURRENT = ['concurrent-recompilation', 'concurrent-osr']

/** In the parent, before a fork: sees to it that a clone can set its flags at little cost. */
export function prepareFlags(): void {
  native().findFlag(ASYNC_WASM)
  native().settleFlagHash()
}

/** In a clone: sets the flags of V8 that it needs, without a change to what code caches it accepts and makes. */
export function compileHere(hasWorker: boolean): void {
  unset(ASYNC_WASM)
  if (hasWorker) return
  CONCURRENT.forEach(unset)
  native().settleFlagHash()
}

function unset(flag: string): void {
  if (!native().unsetQuietly(flag)) setFlagsFromString(`--no-${flag}`)
}

calledInClones(compileHere, unset)
