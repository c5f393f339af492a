import { run } from './run.js'
import { expectFunction } from './validate.js'

/** `f`, run in a clone at each call: `cloned(f)(…args)` is `run(f, …args)`. */
export function cloned<A extends unknown[], R>(f: (...args: A) => R): (...args: A) => Promise<Awaited<R>> {
  expectFunction(f, 'f')
  return (...args) => run(f, ...args)
}
