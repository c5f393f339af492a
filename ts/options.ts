import { expectKeepable, type Keepable } from './keep.js'
import { AbortSignal } from './node.js'
import {
  expectArray,
  expectBoolean,
  expectFunction,
  expectInteger,
  expectMilliseconds,
  expectNumber,
  expectObject,
  expectOneOf,
  expectOptions,
  expectSignal,
  expectString,
  shown,
} from './validate.js'

/** What every door takes. */
export interface CloneOptions {
  /**
  Ends the clone, or the waiting for it, when it is aborted: `ERR_QCLONE_ABORTED`, with its reason as the cause.

  @default none
  */
  readonly signal?: AbortSignal

  /**
  For how many milliseconds the clone may live, from the fork on. Then it is ended: `ERR_QCLONE_TIMEOUT`.

  @default Infinity
  */
  readonly timeout?: number

  /**
  By which signal the clone is ended, when it is.

  @default 'SIGTERM'
  */
  readonly killSignal?: NodeJS.Signals

  /**
  How many milliseconds a clone has to end by `killSignal` before it is killed by SIGKILL.

  @default 1000
  */
  readonly grace?: number

  /**
  How the system ranks the clone when it shares out processor time: a niceness from -20 (first) to 19 (last), or
  `'idle'` for what nobody else wants. Less than the parent's takes privilege; without it the parent's stays.

  @default 15 more than the parent's, and `'idle'` from when the clone is seen to compute while its parent, at work
  itself, waits for a processor
  */
  readonly priority?: number | 'idle'

  /**
  The numbers of the processors that the clone may run on.

  @default the parent's
  */
  readonly affinity?: readonly number[]

  /** What the system bounds the clone's use of resources by, see {@link Limits}. */
  readonly limits?: Limits

  /**
  What of the parent's stays open in the clone, beside standard output and error: descriptors, sockets, servers,
  file handles. The objects go on there as they were, listeners included.

  Parent and clone then share one connection, or one file with its position: one of them should let go of it, the
  parent by `destroy()`, as `end()` would shut the connection down for both.

  @default []
  */
  readonly keep?: readonly Keepable[]

  /**
  What the clone reads as standard input: nothing, the parent's, or what is written to `stdin` of what is returned.

  @default 'ignore'
  */
  readonly stdin?: 'ignore' | 'inherit' | 'pipe'

  /**
  Where the clone's standard output goes: to the parent's, nowhere, or to `stdout` of what is returned.

  @default 'inherit'
  */
  readonly stdout?: 'ignore' | 'inherit' | 'pipe'

  /**
  The same of standard error.

  @default 'inherit'
  */
  readonly stderr?: 'ignore' | 'inherit' | 'pipe'

  /**
  What `ps` shows, and `process.title` says in the clone. The system cuts what is longer than the command line
  with which the parent was started.

  @default the parent's, and by what the clone was made, or its name
  */
  readonly title?: string

  /**
  What the clone is called in `clones()` and in what is told of it by `diagnostics_channel`.

  @default the name of the function
  */
  readonly name?: string
}

/** Bounds of getrlimit(2). One above the parent's own hard limit is that limit. */
export interface Limits {
  /** Bytes of address space. What the clone has from its parent counts: see `VmSize` in `/proc/PID/status`. */
  readonly addressSpace?: number
  /** Seconds of processor time, then SIGXCPU, and a second later SIGKILL. */
  readonly cpuSeconds?: number
  /** Bytes of a core dump. */
  readonly coreSize?: number
  /** Bytes of a file that it writes. Beyond, writing fails with EFBIG. */
  readonly fileSize?: number
}

/** What `run.with` and `cloned` take. */
export interface RunOptions extends CloneOptions {
  /** Called with each value that the function gives to `report`. What it throws ends the task. */
  readonly onProgress?: (value: unknown) => void
}

/** What `spawn.with` and `persist.with` take. */
export interface DetachableOptions extends CloneOptions {
  /**
  Whether the clone may outlive its parent. It then is in a session of its own, out of reach of the terminal.

  @default false
  */
  readonly detached?: boolean
}

/** Options of every clone that serves a client. */
export interface ServingOptions
  extends Pick<
    CloneOptions,
    'affinity' | 'grace' | 'keep' | 'killSignal' | 'limits' | 'name' | 'priority' | 'timeout' | 'title'
  > {
  /**
  Whether the clone ignores SIGHUP, SIGINT and SIGTERM that its parent did not send through this library. A terminal, a
  container runtime or systemd sends them to every process of a group; the parent then decides when its clones end.

  @default true
  */
  readonly ignoreSignals?: boolean

  /**
  Maximum time in milliseconds for which a client may take nothing of what its clone has sent. Then the connection is
  reset and the clone is terminated. `Infinity` disables the check.

  @default 20000
  */
  readonly writeStallTimeout?: number
}

const LOWEST_NICENESS = -20
const HIGHEST_NICENESS = 19
const HIGHEST_CPU = 8191
const STDIO = ['ignore', 'inherit', 'pipe']
const LIMITS = ['addressSpace', 'cpuSeconds', 'coreSize', 'fileSize']

/** Throws when `value` is not what an option may be. */
export type Expect = (value: unknown, name: string) => void

const EXPECT_OF_CLONE: { [name in keyof Required<CloneOptions>]: Expect } = {
  signal: (value, name) => {
    if (!(value instanceof AbortSignal)) {
      throw new TypeError(`Expected \`${name}\` to be an AbortSignal, got ${shown(value)}`)
    }
  },
  timeout: expectMillisecondsOrInfinity,
  killSignal: expectSignal,
  grace: expectMilliseconds,
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
    if (value.length === 0) throw new RangeError(`Expected \`${name}\` to name a processor at least`)
    value.forEach((cpu, index) => {
      const which = `${name}[${index}]`
      expectNumber(cpu, which, 0)
      expectInteger(cpu, which)
      if (cpu > HIGHEST_CPU)
        throw new RangeError(`Expected \`${which}\` to be a processor, got ${shown(cpu)}`)
    })
  },
  limits: (value, name) => {
    expectObject(value, name)
    expectOptions(value, LIMITS)
    for (const [limit, bound] of Object.entries(value)) {
      expectNumber(bound, `${name}.${limit}`, limit === 'cpuSeconds' ? 1 : 0)
      expectInteger(bound, `${name}.${limit}`)
    }
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

const EXPECT_OF_RUN = { ...EXPECT_OF_CLONE, onProgress: expectFunction as Expect }
const { affinity, grace, keep, killSignal, limits, name, priority, timeout, title } = EXPECT_OF_CLONE
const EXPECT_OF_SERVING: { [name in keyof Required<ServingOptions>]: Expect } = {
  ignoreSignals: expectBoolean as Expect,
  writeStallTimeout: expectMillisecondsOrInfinity,
  affinity,
  grace,
  keep,
  killSignal,
  limits,
  name,
  priority,
  timeout,
  title,
}
const EXPECT_OF_DETACHABLE = { ...EXPECT_OF_CLONE, detached: expectBoolean as Expect }

/** @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use. */
export function expectCloneOptions(options: unknown): asserts options is CloneOptions {
  expectEach(options, EXPECT_OF_CLONE)
}

/** @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use. */
export function expectRunOptions(options: unknown): asserts options is RunOptions {
  expectEach(options, EXPECT_OF_RUN)
}

/** @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use. */
export function expectDetachableOptions(options: unknown): asserts options is DetachableOptions {
  expectEach(options, EXPECT_OF_DETACHABLE)
}

/** As the others, with `more` that the door takes beside. */
export function expectServingOptions(options: unknown, more: Record<string, Expect>): void {
  expectEach(options, { ...EXPECT_OF_SERVING, ...more })
}

function expectEach(options: unknown, expect: Record<string, Expect>): void {
  expectOptions(options, Object.keys(expect))
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) expect[name]?.(value, name)
  }
}

function expectMillisecondsOrInfinity(value: unknown, name: string): void {
  if (value !== Infinity) expectMilliseconds(value, name)
}

function expectStdio(value: unknown, name: string): void {
  expectOneOf(value, name, STDIO)
}
