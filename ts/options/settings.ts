import { process } from '../node-internals/process.js'
import { DEFAULTS_OF_POOL, EXPECT_OF_POOL } from './pool-options.js'
import {
  type Expectations,
  expectArray,
  expectBoolean,
  expectCount,
  expectMilliseconds,
  expectNumber,
  expectOptions,
  expectString,
} from './validate.js'

/** Settings of this process, changed by {@link configure}. */
export interface Settings {
  /**
  Maximum number of live clones. Beyond it, `run`, `stream` and `resident` wait for their turn, and `spawn` throws
  `ERR_QCLONE_QUEUE_FULL`.

  @default 64
  */
  readonly maxClones: number

  /**
  Maximum number of clones, in addition to `maxClones`, that wait for slow clients. Beyond it, the slowest client is
  reset if it moves less than 4 KiB per second.

  @default 128
  */
  readonly maxStalledClones: number

  /**
  Maximum number of calls that wait. Beyond it, calls reject with `ERR_QCLONE_QUEUE_FULL`. New clients take no room from
  tasks and known clients.

  @default Infinity
  */
  readonly maxQueue: number

  /**
  Memory reserved per clone, in bytes. A fork is refused with `ERR_QCLONE_MEMORY` if less is available. `0` disables the
  check.

  @default 67108864
  */
  readonly memoryPerClone: number

  /**
  Maximum time in milliseconds from the fork until a clone is about to call its function. A clone that takes longer is
  killed, and its task is restarted once.

  @default 5000
  */
  readonly readyTimeout: number

  /**
  Maximum time in milliseconds `spawn` blocks the parent until busy threads are idle. After that, it throws
  `ERR_QCLONE_THREADS`.

  @default 1000
  */
  readonly spawnTimeout: number

  /**
  Maximum time in milliseconds `run`, `stream` and `resident` wait until busy threads are idle, while the parent keeps
  running. After that, they reject with `ERR_QCLONE_THREADS`.

  @default 30000
  */
  readonly forkTimeout: number

  /**
  Maximum size in bytes of an answer, streamed value, message or progress report sent between a clone and its parent. A
  larger one throws `ERR_QCLONE_UNSERIALIZABLE` in its sender. A clone that sends a larger one anyway is killed.

  @default 1073741824
  */
  readonly maxAnswerBytes: number

  /**
  Whether functions run in this process instead of a clone, as with `QCLONE=inline` in the environment.

  @default false
  */
  readonly inline: boolean

  /**
  Addons and libraries whose waiting threads do not prevent a fork, by the start of the file name: `libvips` matches
  `libvips-cpp.so.8.17`. The threads do not exist in a clone, so a clone must not use the addon.

  @default []
  */
  readonly vouchFor: readonly string[]
}

let current: Settings = {
  ...DEFAULTS_OF_POOL,
  maxStalledClones: 128,
  memoryPerClone: 64 << 20,
  readyTimeout: 5000,
  spawnTimeout: 1000,
  forkTimeout: 30_000,
  maxAnswerBytes: 1 << 30,
  inline: false,
  vouchFor: [],
}

const EXPECT: Expectations<Settings> = {
  ...EXPECT_OF_POOL,
  maxStalledClones: (value, name) => expectCount(value, name, 0),
  memoryPerClone: (value, name) => expectNumber(value, name, 0),
  readyTimeout: (value, name) => expectMilliseconds(value, name, 1),
  spawnTimeout: (value, name) => expectMilliseconds(value, name),
  forkTimeout: (value, name) => expectMilliseconds(value, name),
  maxAnswerBytes: (value, name) => expectCount(value, name, 1),
  inline: expectBoolean,
  vouchFor: (value, name) => {
    expectArray(value, name)
    for (const [index, file] of value.entries()) expectString(file, `${name}[${index}]`)
  },
}

const listeners: Array<() => void> = []

/** Calls `listener` after each change of settings. */
export function onConfigured(listener: () => void): void {
  listeners.push(listener)
}

/**
Changes settings of this process. Settings left out keep their value.

@returns the settings now in force.
@throws {TypeError} or {@link RangeError} if a setting is unknown or invalid. No setting changes then.
@example
```ts
import { configure } from 'node-qclone'

configure({ maxClones: 8, maxQueue: 100, memoryPerClone: 256 * 2 ** 20 })
```
*/
export function configure(changes: Partial<Settings> = {}): Settings {
  expectOptions(changes, Object.keys(EXPECT))
  for (const [name, value] of Object.entries(changes)) EXPECT[name as keyof Settings](value, name)
  current = { ...current, ...changes, vouchFor: [...(changes.vouchFor ?? current.vouchFor)] }
  for (const listener of listeners) listener()
  return current
}

export function settings(): Settings {
  return current
}

/** Values that the environment variable `QCLONE` can have. */
const MODES = ['', 'inline']

/**
Returns whether functions run in this process instead of a clone.

@throws {TypeError} if the environment variable `QCLONE` is set to anything but `inline`.
*/
export function isInline(): boolean {
  const { QCLONE: mode = '' } = process.env
  if (!MODES.includes(mode)) {
    throw new TypeError(
      `Expected the environment variable \`QCLONE\` to be \`inline\` or unset, got \`${mode}\``,
    )
  }
  return current.inline || mode === 'inline'
}
