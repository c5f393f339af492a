import { expectFact } from './fact.js'
import { process } from './process.js'

const { _getActiveHandles } = process as unknown as { _getActiveHandles?: () => unknown[] }

/**
Returns the objects of the handles that keep the event loop alive: `process._getActiveHandles()`. There is no other list
of message ports.

`src/node_process_methods.cc`; Node 20 to 26.
*/
export function activeHandles(): unknown[] {
  return (_getActiveHandles as () => unknown[])()
}

export function verifyActiveHandles(): void {
  const isList = () => Array.isArray(activeHandles())
  expectFact('process._getActiveHandles', 'src/node_process_methods.cc', isList)
}
