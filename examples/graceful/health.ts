import { check } from 'node-qclone'

/** Whether this process should get requests. */
export class Health {
  state: 'starting' | 'ready' | 'stopping' = 'starting'

  /** Why a load balancer should send nothing new here; undefined when it can. */
  notReady(): string | undefined {
    if (this.state !== 'ready') return this.state
    const report = check()
    // Threads at work come to rest, and `cloneRequests` waits for that. A foreign thread stays.
    if (report.ok || report.transient) return undefined
    return report.reason
  }
}
