import type { NativeWaitStatus } from '../binding.cjs'

/** What a clone used, by getrusage(2). */
export interface ResourceUsage {
  /** Processor time in its own code, in microseconds. */
  readonly userUs: number
  /** Processor time in the kernel, in microseconds. */
  readonly systemUs: number
  /** The most memory it had in RAM, memory shared with the parent included, in KiB. */
  readonly maxRssKib: number
  /** Page faults without I/O. Most are copies of pages shared with the parent. */
  readonly minorFaults: number
  /** Page faults with I/O. */
  readonly majorFaults: number
}

/** How a clone ended, by wait(2). */
export interface WaitStatus {
  readonly pid: number
  /** Whether it left by exit. */
  readonly exited: boolean
  /** Its exit status, when it left by exit. */
  readonly status: number | undefined
  /** Whether a signal ended it. */
  readonly signaled: boolean
  /** That signal's number. */
  readonly termsig: number | undefined
  /** That signal's name, such as `SIGKILL`. */
  readonly signal: string | undefined
  /** Whether it left a core dump. */
  readonly coredumped: boolean
  /** Never true of a clone that was reaped. */
  readonly stopped: boolean
  readonly stopsig: number | undefined
  /** Never true of a clone that was reaped. */
  readonly continued: boolean
  readonly rusage: ResourceUsage | undefined
}

export function fromNative(native: NativeWaitStatus): WaitStatus {
  const { pid, exited, status, signaled, termsig, signal, coredumped, stopped, stopsig, continued, rusage } =
    native
  return { pid, exited, status, signaled, termsig, signal, coredumped, stopped, stopsig, continued, rusage }
}

/** The status of a Node that ended while a promise that it waited for was pending. */
const STATUS_OF_UNSETTLED = 13

/** The same of a clone that ended before its task, with what its parent cannot see in the status. */
export function explained(status: WaitStatus): string {
  const words = inWords(status)
  if (status.status === STATUS_OF_UNSETTLED) {
    return `${words}, with nothing left to wait for (a promise of its parent's never settles in a clone),`
  }
  return status.signal === 'SIGKILL' ? `${words} (perhaps by the OOM killer: see \`dmesg\`)` : words
}

/** In words, to follow the name of a clone: "exited with status 3". */
export function inWords(status: WaitStatus): string {
  return status.signaled
    ? `was ended by ${status.signal}${status.coredumped ? ' (core dumped)' : ''}`
    : `exited with status ${status.status}`
}
