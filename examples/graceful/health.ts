import { check } from 'node-qclone'

/** Whether this process should receive requests. */
export class Health {
  state: 'starting' | 'ready' | 'stopping' = 'starting'

  /** Reason why a load balancer should send no requests here; `undefined` if it can. */
  notReady(): string | undefined {
    if (this.state !== 'ready') return this.state
    const report = check()
    // Busy threads become idle, and `cloneRequests` waits for them. A foreign thread stays.
    if (report.ok || report.transient) return undefined
    return report.reason
  }
}
