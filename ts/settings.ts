import { process } from './node.js'
import {
  expectArray,
  expectBoolean,
  expectCount,
  expectMilliseconds,
  expectNumber,
  expectOptions,
  expectString,
} from './validate.js'

/** What {@link configure} changes. */
export interface Settings {
  /**
  How many clones may live at once. Beyond, `run`, `stream` and `persist` wait for their turn, in order, and `spawn`
  throws `ERR_QCLONE_BUSY`.

  @default 64
  */
  readonly maxClones: number

  /**
  Number of clones that may, besides those, wait for clients that are slower than they are. Beyond it the slowest client
  is reset if it moves less than 4 KiB a second.

  @default 256
  */
  readonly maxStalledClones: number

  /**
  How many calls may wait for their turn. Beyond, they reject with `ERR_QCLONE_BUSY`.

  @default Infinity
  */
  readonly maxQueue: number

  /**
  How many bytes of memory of its own a clone is reckoned to come to need. A fork is refused, with
  `ERR_QCLONE_MEMORY`, when less than that is to be had. 0: nothing is reckoned.

  @default 67108864
  */
  readonly memory: number

  /**
  Within how many milliseconds a clone must be ready to call its function. One that is not is killed, and its task
  begun again, once.

  @default 5000
  */
  readonly readyWait: number

  /**
  For how long `spawn` may stand still until the threads of the process are at rest, in milliseconds. Then it
  throws `ERR_QCLONE_THREADS`.

  @default 1000
  */
  readonly spawnWait: number

  /**
  For how long `run`, `stream` and `persist` may wait until the threads of the process are at rest, in milliseconds.
  The parent goes on meanwhile. Then they reject with `ERR_QCLONE_THREADS`.

  @default 30000
  */
  readonly runWait: number

  /**
  Size in bytes of the largest answer, streamed value, message or report that is sent between a clone and its parent. A
  larger one is `ERR_QCLONE_UNSERIALIZABLE` in its sender. A process that sends a larger one all the same is killed.

  @default 1073741824
  */
  readonly maxAnswerBytes: number

  /**
  Whether functions run in this process, and nothing is forked. See also the environment's `QCLONE`.

  @default false
  */
  readonly inline: boolean

  /**
  Files of addons and libraries whose threads do not refuse a fork while they wait: `libvips` stands for
  `libvips-cpp.so.8.17`. In clones those threads do not exist, so a clone must not use the addon.

  @default []
  */
  readonly vouchFor: readonly string[]
}

let current: Settings = {
  maxClones: 64,
  maxStalledClones: 256,
  maxQueue: Infinity,
  memory: 64 << 20,
  readyWait: 5000,
  spawnWait: 1000,
  runWait: 30_000,
  maxAnswerBytes: 1 << 30,
  inline: false,
  vouchFor: [],
}

const EXPECT: { [name in keyof Settings]: (value: unknown, name: string) => void } = {
  maxClones: (value, name) => expectCount(value, name, 1),
  maxStalledClones: (value, name) => expectCount(value, name, 0),
  maxQueue: (value, name) => expectCount(value, name, 0),
  memory: (value, name) => expectNumber(value, name, 0),
  readyWait: (value, name) => expectMilliseconds(value, name, 1),
  spawnWait: (value, name) => expectMilliseconds(value, name),
  runWait: (value, name) => expectMilliseconds(value, name),
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
Changes settings of this process. Those left out stay as they are.

@returns the settings now in force.
@throws {TypeError} or {@link RangeError} on a setting that is unknown or of no use; then none is changed.
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

/** What the environment's `QCLONE` may say. */
const MODES = ['', 'inline']

/**
Whether functions are to run in this process.

@throws {TypeError} when the environment's `QCLONE` says anything but `inline`.
*/
export function isInline(): boolean {
  const { QCLONE: mode = '' } = process.env
  if (!MODES.includes(mode)) {
    throw new TypeError(`Expected the environment's \`QCLONE\` to be \`inline\` or unset, got \`${mode}\``)
  }
  return current.inline || mode === 'inline'
}
