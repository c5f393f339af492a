import { type Expectations, expectEach } from '../options/validate.js'

/** Task function that takes options through `.with`: `run(f)`, `run.with(options)(f)`. */
export type WithOptions<O, F> = F & {
  /**
  Binds options to the function. Invalid options throw here, not when the task runs.

  @throws {TypeError} or {@link RangeError} if an option is unknown or invalid.
  */
  with(options: O): F
}

/**
Creates a task function that takes options through `.with`.

@param bind returns the function with these options bound.
*/
export function withOptions<O extends object, F extends (...args: never[]) => unknown>(
  expected: Expectations<O>,
  bind: (options: Partial<O>) => F,
): WithOptions<O, F> {
  return Object.assign(bind({}), {
    with(options: O): F {
      expectEach(options, expected)
      return bind(options)
    },
  })
}
