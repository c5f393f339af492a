import type { RunOptions } from '../options/clone-options.js'
import { expectFunction } from '../options/validate.js'
import { type Run, type Running, run } from './run.js'
import type { WithOptions } from './with-options.js'

/** Signature of {@link cloned}. */
export type Cloned = <A extends unknown[], R>(
  f: (...args: A) => R,
  options?: RunOptions,
) => (...args: A) => Running<Awaited<R>>

/**
Returns a function that calls `f` in a clone: `cloned(f, options)(...args)` is `run.with(options)(f, ...args)`.

@throws {TypeError} if `f` is not a function.
@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.

@example
```js
import { cloned } from 'node-qclone'

const sizes = [100, 250]
const total = cloned((minimum) => sizes.filter((size) => size >= minimum).length, { timeout: 5000 })
console.log(await total(200)) // 1
```
*/
export const cloned: Cloned = clonedBy(run)

/** Creates {@link cloned} for this `run`. */
export function clonedBy(run: WithOptions<RunOptions, Run>): Cloned {
  return (f, options = {}) => {
    expectFunction(f, 'f')
    const runs = run.with(options)
    return (...args) => runs(f, ...args)
  }
}
