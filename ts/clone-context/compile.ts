import { setFlagsFromString } from 'node:v8'

/**
Lets V8 compile on the clone's one thread what it would have compiled on threads that a clone does not have:
without this, hot code is never optimized, and asynchronous WebAssembly compilation never ends.
*/
export function compileHere(): void {
  setFlagsFromString('--no-concurrent-recompilation')
  setFlagsFromString('--no-concurrent-osr')
  setFlagsFromString('--no-wasm-async-compilation')
}
