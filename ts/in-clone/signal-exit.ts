import type { EventEmitter } from 'node:events'
import { mainGlobal, process } from '../node-internals/process.js'
import { hold } from './hold.js'
import { calledInClones } from './precompile.js'

/** Symbol of the global object where all copies of signal-exit 4 keep their hooks. */
const EMITTER = Symbol.for('signal-exit emitter')

interface Emitter4 {
  listeners: { exit: unknown[]; afterExit: unknown[] }
  emit(event: 'exit', status: number, signal: null): boolean
}

/** Hooks of signal-exit 3, a property of the process. */
interface Emitter3 extends EventEmitter {
  emitted: Record<string, boolean>
}

/**
Drops the parent's hooks of the package `signal-exit`, which tools use to remove their locks and temporary files.

All copies of that package share the hooks. Their replacement of `process.emit` is gone in a clone, so a listener calls
the hooks of the clone's own code.
*/
export function dropExitHooks(): void {
  const { [EMITTER]: four } = mainGlobal as { [EMITTER]?: Emitter4 }
  const { __signal_exit_emitter__: three } = process as { __signal_exit_emitter__?: Emitter3 }
  if (four?.listeners) {
    hold(four.listeners)
    four.listeners = { exit: [], afterExit: [] }
    process.once('exit', (status) => four.emit('exit', status, null))
  }
  if (three?.emitted) {
    for (const event of three.eventNames()) hold(three.rawListeners(event))
    three.removeAllListeners()
    process.once('exit', (status) => {
      for (const event of ['exit', 'afterexit']) {
        if (three.emitted[event]) continue
        three.emitted[event] = true
        three.emit(event, status, null)
      }
    })
  }
}

calledInClones(dropExitHooks)
