import { expectNumber, expectOptions } from './validate.js'

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
