import type { EventEmitter } from 'node:events'
import { mainGlobal, process } from '../node.js'
import { calledInClones } from './ahead.js'
import { hold } from './hold.js'

/** Where all copies of signal-exit 4 keep their hooks: a symbol of the global object. */
const EMITTER = Symbol.for('signal-exit emitter')

interface Emitter4 {
  listeners: { exit: unknown[]; afterExit: unknown[] }
  emit(event: 'exit', status: number, signal: null): boolean
}

/** The same of version 3: a property of the process. */
interface Emitter3 extends EventEmitter {
  emitted: Record<string, boolean>
}

/**
Forgets the parent's hooks of the package `signal-exit`, by which tools remove their locks and temporary files.

All of a process's copies of it share them, and what those have put over `process.emit` is gone here: so the hooks of the
clone's own code are called from a listener.
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
