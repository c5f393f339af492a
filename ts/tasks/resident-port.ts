import type { Port } from '../transport/port.js'
import type { Clone, EndOptions } from '../types/clone.js'
import type { WaitStatus } from '../types/wait-status.js'

/** The parent's side of the port to a resident clone. */
export interface ResidentPort<Received = unknown, Sent = unknown>
  extends Port<Received, Sent>,
    AsyncDisposable {
  /** Clone on the other side. */
  readonly clone: Clone
  /**
  Closes the port and waits for the clone to end. Kills it if that takes longer than `forceKillAfterDelay` milliseconds.
  `await using` does the same.

  @throws {TypeError} or {@link RangeError} if an option is unknown or invalid.
  */
  stop(options?: Pick<EndOptions, 'forceKillAfterDelay'>): Promise<WaitStatus>
}
