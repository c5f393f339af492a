import type { NativeWaitStatus } from '../../binding.cjs'

/** Resources that a clone used, from `getrusage(2)`. */
export interface ResourceUsage {
  /** CPU time in its own code, in microseconds. */
  readonly userUs: number
  /** CPU time in the kernel, in microseconds. */
  readonly systemUs: number
  /** Highest RSS in KiB, including memory shared with the parent. */
  readonly maxRssKib: number
  /** Page faults without I/O. Most are copies of pages shared with the parent. */
  readonly minorFaults: number
  /** Page faults with I/O. */
  readonly majorFaults: number
}

/** Wait status of a clone that has ended, from `wait(2)`. */
export interface WaitStatus {
  /** Process id. */
  readonly pid: number
  /** Whether the clone exited. */
  readonly exited: boolean
  /** Exit status, if the clone exited. */
  readonly status: number | undefined
  /** Whether a signal ended the clone. */
  readonly signaled: boolean
  /** Number of that signal. */
  readonly termsig: number | undefined
  /** Name of that signal, such as `SIGKILL`. */
  readonly signal: string | undefined
  /** Whether the clone dumped core. */
  readonly coredumped: boolean
  /** Never true for a reaped clone. */
  readonly stopped: boolean
  /** Number of the signal that stopped it. Always `undefined` for a reaped clone. */
  readonly stopsig: number | undefined
  /** Never true for a reaped clone. */
  readonly continued: boolean
  /** Resources that the clone used. */
  readonly rusage: ResourceUsage | undefined
}

/** Converts a wait status of the native part. */
export function fromNative(native: NativeWaitStatus): WaitStatus {
  const { pid, exited, status, signaled, termsig, signal, coredumped, stopped, stopsig, continued, rusage } =
    native
  return { pid, exited, status, signaled, termsig, signal, coredumped, stopped, stopsig, continued, rusage }
}

/** Exit status of Node when its event loop ends while the main module waits for a promise. */
const STATUS_OF_UNSETTLED = 13

/** Formats the wait status of a clone that ended before its task, with likely reasons the status does not show. */
export function explained(status: WaitStatus): string {
  const words = inWords(status)
  if (status.status === STATUS_OF_UNSETTLED) {
    return `${words} (its event loop had nothing left to do: a promise that was made before the fork never settles in a clone)`
  }
  return status.signal === 'SIGKILL' ? `${words} (perhaps by the OOM killer: see \`dmesg\`)` : words
}

/** Formats a wait status to follow the name of a clone: "exited with status 3". */
export function inWords(status: WaitStatus): string {
  return status.signaled
    ? `was killed by ${status.signal}${status.coredumped ? ' (core dumped)' : ''}`
    : `exited with status ${status.status}`
}
