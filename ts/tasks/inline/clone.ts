import { process } from '../../node-internals/process.js'
import { handlers } from '../../observe/handlers.js'
import type { Clone, CloneKind } from '../../types/clone.js'
import type { WaitStatus } from '../../types/wait-status.js'

/** Stand-in for a clone in inline mode. Its pid is this process's. */
export class InlineClone implements Clone {
  readonly pid = process.pid
  readonly stdin = null
  readonly stdout = null
  readonly stderr = null
  readonly startedAt = Date.now()
  readonly timings = { censusMs: 0, mapsMs: 0, forkMs: 0, totalMs: 0 }
  readonly exited: Promise<WaitStatus>
  status: WaitStatus | undefined
  #settle: (status: WaitStatus) => void = () => {}

  constructor(
    readonly kind: CloneKind,
    readonly name: string,
  ) {
    this.exited = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  end(status: number): WaitStatus {
    if (this.status) return this.status
    this.status = {
      pid: this.pid,
      exited: true,
      status,
      signaled: false,
      termsig: undefined,
      signal: undefined,
      coredumped: false,
      stopped: false,
      stopsig: undefined,
      continued: false,
      rusage: undefined,
    }
    this.#settle(this.status)
    handlers.oldClone.call(this.status, this.kind)
    return this.status
  }

  /** Does nothing: the only process to signal is this one. */
  kill(): boolean {
    return false
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  stop(): Promise<WaitStatus> {
    return this.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.exited
  }
}
