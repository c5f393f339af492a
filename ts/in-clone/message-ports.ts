import { createRequire } from 'node:module'
import { activeHandles } from '../node-internals/active-handles.js'
import { hold } from './hold.js'
import { calledInClones } from './precompile.js'

// Not an import: see node-internals/http-agents.ts.
const { MessagePort, receiveMessageOnPort } = createRequire(import.meta.url)(
  'node:worker_threads',
) as typeof import('node:worker_threads')

/**
Removes the parent's messages from the queues of its ports and broadcast channels. Otherwise the clone's first own
message would deliver them all to the listeners.
*/
export function dropMessages(): void {
  for (const handle of activeHandles()) if (handle instanceof MessagePort) drain(handle)
}

function drain(port: InstanceType<typeof MessagePort>): void {
  for (;;) {
    let message: object | undefined
    try {
      message = receiveMessageOnPort(port)
    } catch {
      // A message that cannot be deserialized has been removed too.
      continue
    }
    if (!message) return
    // It can contain a `FileHandle`, which closes its descriptor when collected.
    hold(message)
  }
}

calledInClones(dropMessages, drain, activeHandles, receiveMessageOnPort)
