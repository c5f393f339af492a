import cluster from 'node:cluster'
import { expectFact } from './fact.js'
import { process } from './process.js'

/** The process, with its IPC channel typed so that it can be removed. */
const own = process as { send?: unknown; connected: boolean }

/** Removes the IPC channel of a child process to its parent. `lib/internal/child_process.js`; Node 20 to 26. */
export function forgetChannel(): void {
  own.send = undefined
  own.connected = false
}

/**
Makes a worker of `node:cluster` a primary. A worker would ask its primary before it listens.

`lib/internal/cluster/child.js`; Node 20 to 26.
*/
export function becomePrimary(): void {
  Object.assign(cluster, { isPrimary: true, isMaster: true, isWorker: false, worker: undefined })
}

export function verifyCluster(): void {
  for (const name of ['isPrimary', 'isMaster', 'isWorker'] as const) {
    const isWritable = () => Reflect.getOwnPropertyDescriptor(cluster, name)?.writable === true
    expectFact(`cluster.${name}`, 'lib/internal/cluster/child.js', isWritable)
  }
}
