import type { RunOptions } from './options.js'
import { type Running, run } from './run.js'
import { expectFunction } from './validate.js'

/**
`f`, run in a clone at each call: `cloned(f, options)(…args)` is `run.with(options)(f, …args)`.

@throws {TypeError} or {@link RangeError} when `f` is no function, or on an option that is unknown or of no use.
*/
export function cloned<A extends unknown[], R>(
  f: (...args: A) => R,
  options: RunOptions = {},
): (...args: A) => Running<Awaited<R>> {
  expectFunction(f, 'f')
  const runs = run.with(options)
  return (...args) => runs(f, ...args)
}
