import { expectKeepable, type Keepable } from './keepable.js'
import {
  type Expectations,
  expectAbortSignal,
  expectArray,
  expectBoolean,
  expectEach,
  expectFunction,
  expectInteger,
  expectMilliseconds,
  expectMillisecondsOrInfinity,
  expectNumber,
  expectObject,
  expectOneOf,
  expectSignal,
  expectString,
  integerFrom,
  shown,
} from './validate.js'

/** Options of `stream.with`, and of every other function that makes a clone for a task. */
export interface CloneOptions {
  /**
  Signal that ends the clone, or removes the call from the queue, when it is aborted. The error is `ERR_QCLONE_ABORTED`,
  with the signal's reason as its `cause`.

  @default undefined
  */
  readonly signal?: AbortSignal

  /**
  Maximum lifetime of the clone in milliseconds, counted from the fork. After that, the clone is terminated, and the
  error is `ERR_QCLONE_TIMEOUT`.

  @default Infinity
  */
  readonly timeout?: number

  /**
  Signal sent to terminate the clone early.

  @default 'SIGTERM'
  */
  readonly killSignal?: NodeJS.Signals

  /**
  Time in milliseconds the clone has to end after `killSignal`. After that, it is killed with `SIGKILL`.

  @default 1000
  */
  readonly forceKillAfterDelay?: number

  /**
  Niceness of the clone, from -20 (first) to 19 (last), or `'idle'` for only the CPU time no other process wants. A
  niceness below the parent's requires privilege; without it, the clone keeps the parent's.

  @default 15 above the parent's niceness, at most 19, and `'idle'` once the clone computes while its working parent
  waits for a CPU
  */
  readonly priority?: number | 'idle'

  /**
  Numbers of the CPUs that the clone can run on.

  @default the parent's
  */
  readonly affinity?: readonly number[]

  /**
  Resource limits of the clone and of the processes it starts.

  @default the parent's
  */
  readonly limits?: Limits

  /**
  Handles the clone keeps open, besides stdout and stderr: file descriptors, sockets, servers, file handles. The objects
  work in the clone as before, listeners included.

  Parent and clone share the connection, or the file and its position, so one of them should release it. In the parent,
  call `destroy()`: `end()` would shut the connection down for both.

  @default []
  */
  readonly keep?: readonly Keepable[]

  /**
  Standard input of the clone: empty, the parent's, or the data written to `stdin` of the returned object.

  @default 'ignore'
  */
  readonly stdin?: 'ignore' | 'inherit' | 'pipe'

  /**
  Standard output of the clone: discarded, sent to the parent's, or readable from `stdout` of the returned object.

  @default 'inherit'
  */
  readonly stdout?: 'ignore' | 'inherit' | 'pipe'

  /**
  Standard error of the clone: discarded, sent to the parent's, or readable from `stderr` of the returned object.

  @default 'inherit'
  */
  readonly stderr?: 'ignore' | 'inherit' | 'pipe'

  /**
  Title shown by `ps`, and `process.title` in the clone. The system cuts a title that is longer than the command line
  that started the parent.

  @default the parent's title, the kind of clone, and the option `name`, such as `node (clone: run report)`
  */
  readonly title?: string

  /**
  Name of the clone in `clones()`, in diagnostics channels and in error messages.

  @default the name of the function
  */
  readonly name?: string
}

/** Resource limits of setrlimit(2). A limit above the parent's hard limit is lowered to it. */
export interface Limits {
  /**
  Maximum address space in bytes of `VmSize` (`/proc/PID/status`), including everything the clone inherits.

  @default the parent's
  */
  readonly addressSpace?: number

  /**
  Maximum CPU time in seconds. Beyond it, the clone receives `SIGXCPU`, and `SIGKILL` a second later.

  @default the parent's
  */
  readonly cpuSeconds?: number

  /**
  Maximum size of a core dump in bytes. `0` disables core dumps.

  @default the parent's
  */
  readonly coreSize?: number

  /**
  Maximum size in bytes of a file that the clone writes. Beyond it writes fail with `EFBIG`.

  @default the parent's
  */
  readonly fileSize?: number
}

/** Options of `run.with` and `cloned`. */
export interface RunOptions extends CloneOptions {
  /**
  Function called with each value that the task passes to `reportProgress`. If it throws, the task is ended and its
  promise rejects with that error.

  @default undefined
  */
  readonly onProgress?: (value: unknown) => void
}

/** Options of `spawn.with` and `resident.with`. */
export interface DetachableOptions extends CloneOptions {
  /**
  Whether the clone can outlive its parent. A detached clone is in its own session, out of reach of the terminal.

  @default false
  */
  readonly detached?: boolean
}

/** Options of every clone that serves a client. */
export interface ServingOptions
  extends Pick<
    CloneOptions,
    | 'affinity'
    | 'forceKillAfterDelay'
    | 'keep'
    | 'killSignal'
    | 'limits'
    | 'name'
    | 'priority'
    | 'timeout'
    | 'title'
  > {
  /**
  Whether the clone ignores `SIGHUP`, `SIGINT` and `SIGTERM` unless the parent sent them through this library. systemd,
  container runtimes and terminals send them to every process of a group; the parent then decides when its clones end.

  @default true
  */
  readonly ignoreSignals?: boolean

  /**
  Maximum time in milliseconds a client can go without taking any data that its clone, or this process before it, has
  sent. After that, its connection is reset and the clone is terminated. `Infinity` disables the check.

  @default 20000
  */
  readonly writeStallTimeout?: number
}

const LOWEST_NICENESS = -20
const HIGHEST_NICENESS = 19
const HIGHEST_CPU = 8191
const STDIO = ['ignore', 'inherit', 'pipe']
const EXPECT_OF_LIMITS: Expectations<Limits> = {
  addressSpace: integerFrom(0),
  cpuSeconds: integerFrom(1),
  coreSize: integerFrom(0),
  fileSize: integerFrom(0),
}

export const EXPECT_OF_CLONE: Expectations<CloneOptions> = {
  signal: expectAbortSignal,
  timeout: expectMillisecondsOrInfinity,
  killSignal: expectSignal,
  forceKillAfterDelay: expectMilliseconds,
  priority: (value, name) => {
    if (value === 'idle') return
    expectNumber(value, name, LOWEST_NICENESS)
    expectInteger(value, name)
    if (value > HIGHEST_NICENESS) {
      throw new RangeError(`Expected \`${name}\` to be at most ${HIGHEST_NICENESS}, got ${shown(value)}`)
    }
  },
  affinity: (value, name) => {
    expectArray(value, name)
    if (value.length === 0)
      throw new RangeError(`Expected \`${name}\` to list at least one CPU, got an empty array`)
    value.forEach((cpu, index) => {
      const which = `${name}[${index}]`
      expectNumber(cpu, which, 0)
      expectInteger(cpu, which)
      if (cpu > HIGHEST_CPU)
        throw new RangeError(`Expected \`${which}\` to be the number of a CPU, got ${shown(cpu)}`)
    })
  },
  limits: (value, name) => {
    expectObject(value, name)
    expectEach(value, EXPECT_OF_LIMITS, name)
  },
  keep: (value, name) => {
    expectArray(value, name)
    value.forEach((item, index) => {
      expectKeepable(item, `${name}[${index}]`)
    })
  },
  stdin: expectStdio,
  stdout: expectStdio,
  stderr: expectStdio,
  title: expectString,
  name: expectString,
}

export const EXPECT_OF_RUN: Expectations<RunOptions> = { ...EXPECT_OF_CLONE, onProgress: expectFunction }
export const EXPECT_OF_DETACHABLE: Expectations<DetachableOptions> = {
  ...EXPECT_OF_CLONE,
  detached: expectBoolean,
}

const { affinity, forceKillAfterDelay, keep, killSignal, limits, name, priority, timeout, title } =
  EXPECT_OF_CLONE
export const EXPECT_OF_SERVING: Expectations<ServingOptions> = {
  affinity,
  forceKillAfterDelay,
  ignoreSignals: expectBoolean,
  keep,
  killSignal,
  limits,
  name,
  priority,
  timeout,
  title,
  writeStallTimeout: expectMillisecondsOrInfinity,
}

/** Picks the options of a server that apply to its clones. */
export function servingOptionsOf(options: ServingOptions): ServingOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => Object.hasOwn(EXPECT_OF_SERVING, name)),
  )
}

function expectStdio(value: unknown, name: string): void {
  expectOneOf(value, name, STDIO)
}
