import { createRequire } from 'node:module'
import { process } from '../node.js'
import { calledInClones } from './ahead.js'
import { hold } from './hold.js'

// Not an import: see agents.ts.
const { MessagePort, receiveMessageOnPort } = createRequire(import.meta.url)(
  'node:worker_threads',
) as typeof import('node:worker_threads')

/** Gives the objects of handles that are referenced (src/node_process_methods.cc). */
const { _getActiveHandles: activeHandles } = process as unknown as { _getActiveHandles: () => unknown[] }

/**
Takes the parent's messages from the queues of its ports and broadcast channels. The first message of the clone's own
would have the listeners called for all of them.
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
      // One that cannot be read is gone, too.
      continue
    }
    if (!message) return
    // There may be a `FileHandle` in it.
    hold(message)
  }
}

calledInClones(dropMessages, drain, receiveMessageOnPort)
