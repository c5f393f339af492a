import { setFlagsFromString } from 'node:v8'
import { calledInClones } from './ahead.js'

/**
Sees to it that what is hot gets compiled.

WebAssembly is compiled synchronously: an event loop with nothing else to do does not wait for V8's threads. In a
clone without such a thread so are loops that run long; functions that are called often then stay unoptimized.
*/
export function compileHere(hasWorker: boolean): void {
  setFlagsFromString('--no-wasm-async-compilation')
  if (hasWorker) return
  setFlagsFromString('--no-concurrent-recompilation')
  setFlagsFromString('--no-concurrent-osr')
}

calledInClones(compileHere)
