import { expectKeepable, type Keepable } from './keep.js'
import {
  expectArray,
  expectBoolean,
  expectNumber,
  expectOneOf,
  expectOptions,
  expectString,
} from './validate.js'

/** What `run.with` and `cloned` take. */
export interface CloneOptions {
  /**
  What of the parent's stays open in the clone, beside standard output and error: descriptors, sockets, servers,
  file handles. The objects go on there as they were, listeners included.

  Parent and clone then share one connection, or one file with its position: one of them should let go of it, the
  parent by `destroy()`, as `end()` would shut the connection down for both.

  @default []
  */
  readonly keep?: readonly Keepable[]

  /**
  What the clone reads as standard input: nothing, or the parent's.

  @default 'ignore'
  */
  readonly stdin?: 'ignore' | 'inherit'

  /**
  What `ps` shows, and `process.title` says in the clone. The system cuts what is longer than the command line
  with which the parent was started.

  @default the parent's, and by what the clone was made
  */
  readonly title?: string
}

/** What `spawn.with` takes. */
export interface SpawnOptions extends CloneOptions {
  /**
  Whether the clone may outlive its parent. It then is in a session of its own, out of reach of the terminal.

  @default false
  */
  readonly detached?: boolean
}

const CLONE_OPTIONS = ['keep', 'stdin', 'title'] as const
const SPAWN_OPTIONS = [...CLONE_OPTIONS, 'detached'] as const

/** @throws {TypeError} on an option that is unknown or of no use. */
export function expectCloneOptions(options: unknown): asserts options is CloneOptions {
  expectOptions(options, CLONE_OPTIONS)
  expectEach(options)
}

/** @throws {TypeError} on an option that is unknown or of no use. */
export function expectSpawnOptions(options: unknown): asserts options is SpawnOptions {
  expectOptions(options, SPAWN_OPTIONS)
  expectEach(options)
}

function expectEach({
  keep = [],
  stdin = 'ignore',
  title = '',
  detached = false,
}: Record<string, unknown>): void {
  expectArray(keep, 'keep')
  keep.forEach((item, index) => {
    expectKeepable(item, `keep[${index}]`)
  })
  expectOneOf(stdin, 'stdin', ['ignore', 'inherit'])
  expectString(title, 'title')
  expectBoolean(detached, 'detached')
}

/** What {@link configure} changes. */
export interface Settings {
  /**
  For how long `spawn` may stand still until the threads of the process are at rest, in milliseconds. Then it
  throws `ERR_QCLONE_THREADS`.

  @default 1000
  */
  readonly spawnWait: number

  /**
  For how long `run` may wait until the threads of the process are at rest, in milliseconds. The parent goes on
  meanwhile. Then it rejects with `ERR_QCLONE_THREADS`.

  @default 30000
  */
  readonly runWait: number
}

let current: Settings = { spawnWait: 1000, runWait: 30_000 }

/**
Changes settings of this process. Those left out stay as they are.

@returns the settings now in force.
@throws {TypeError} or {@link RangeError} on a setting that is unknown or of no use; then none is changed.
*/
export function configure(changes: Partial<Settings> = {}): Settings {
  expectOptions(changes, Object.keys(current))
  for (const [name, value] of Object.entries(changes)) {
    expectNumber(value, name, 0)
  }
  current = { ...current, ...changes }
  return current
}

export function settings(): Settings {
  return current
}
