import { constants } from 'node:os'
import { inspect } from 'node:util'
import { AbortSignal } from '../node-internals/process.js'

/** Throws if `value` is not valid for the option `name`. */
export type Expect = (value: unknown, name: string) => void

/** Check for each of the options `O`. TypeScript rejects an object that omits an option. */
export type Expectations<O> = { readonly [name in keyof O]-?: Expect }

/** Formats a value as "`v` (type)", the end of every error about an argument. */
export function shown(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity })
  return `\`${text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text}\` (${typeof value})`
}

/** Maximum number of characters of a value in an error message. An Express application has dozens of properties. */
const MOST_SHOWN = 100

/** @throws {TypeError} if `value` is not a function. */
export function expectFunction(value: unknown, name: string): asserts value is (...args: never[]) => unknown {
  if (typeof value !== 'function') {
    throw new TypeError(`Expected \`${name}\` to be a function, got ${shown(value)}`)
  }
}

/** @throws {TypeError} if `value` is not an array. */
export function expectArray(value: unknown, name: string): asserts value is unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`Expected \`${name}\` to be an array, got ${shown(value)}`)
}

/** @throws {TypeError} if `value` is not a string. */
export function expectString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string')
    throw new TypeError(`Expected \`${name}\` to be a string, got ${shown(value)}`)
}

/** @throws {TypeError} if `value` is not a boolean. */
export function expectBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') {
    throw new TypeError(`Expected \`${name}\` to be a boolean, got ${shown(value)}`)
  }
}

/** @throws {TypeError} if `value` is none of `values`. */
export function expectOneOf(value: unknown, name: string, values: readonly unknown[]): void {
  if (!values.includes(value)) {
    const choice = values.map((one) => `\`${one}\``).join(' or ')
    throw new TypeError(`Expected \`${name}\` to be ${choice}, got ${shown(value)}`)
  }
}

/** @throws {TypeError} if `value` is not a number, {@link RangeError} if it is not finite or below `least`. */
export function expectNumber(value: unknown, name: string, least: number): asserts value is number {
  if (typeof value !== 'number') {
    throw new TypeError(`Expected \`${name}\` to be a number, got ${shown(value)}`)
  }
  if (!Number.isFinite(value) || value < least) {
    throw new RangeError(
      `Expected \`${name}\` to be a finite number of at least ${least}, got ${shown(value)}`,
    )
  }
}

/** Checks a number like {@link expectNumber}, which must also be an integer or `Infinity`. */
export function expectCount(value: unknown, name: string, least: number): asserts value is number {
  if (value === Infinity) return
  expectNumber(value, name, least)
  expectInteger(value, name)
}

/** @throws {TypeError} if `value` is not the name of a signal. */
export function expectSignal(value: unknown, name: string): asserts value is NodeJS.Signals {
  if (!Object.hasOwn(constants.signals, value as string)) {
    throw new TypeError(`Expected \`${name}\` to be the name of a signal, got ${shown(value)}`)
  }
}

/** Longest duration of a Node timer. */
export const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/** @throws {TypeError} if `value` is not a number, {@link RangeError} if it is below `least` or too long for a timer. */
export function expectMilliseconds(value: unknown, name: string, least = 0): asserts value is number {
  expectNumber(value, name, least)
  if (value > LONGEST_TIMEOUT_MS) {
    throw new RangeError(`Expected \`${name}\` to be at most ${LONGEST_TIMEOUT_MS}, got ${shown(value)}`)
  }
}

/** Checks a duration like {@link expectMilliseconds}, which can also be `Infinity`. */
export function expectMillisecondsOrInfinity(value: unknown, name: string): asserts value is number {
  if (value !== Infinity) expectMilliseconds(value, name)
}

/** @throws {TypeError} if `value` is not an AbortSignal. */
export function expectAbortSignal(value: unknown, name: string): asserts value is AbortSignal {
  if (!(value instanceof AbortSignal)) {
    throw new TypeError(`Expected \`${name}\` to be an AbortSignal, got ${shown(value)}`)
  }
}

/** @throws {RangeError} if `value` is not an integer. */
export function expectInteger(value: number, name: string): void {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`Expected \`${name}\` to be an integer, got ${shown(value)}`)
  }
}

/** Returns the check of an integer of at least `least`. */
export function integerFrom(least: number): Expect {
  return (value, name) => {
    expectNumber(value, name, least)
    expectInteger(value, name)
  }
}

/** @throws {TypeError} if `value` is not a number, {@link RangeError} if it is not a process id. */
export function expectPid(value: unknown, name: string): asserts value is number {
  expectNumber(value, name, 1)
  if (!Number.isInteger(value) || value > HIGHEST_PID) {
    throw new RangeError(`Expected \`${name}\` to be a process id, got ${shown(value)}`)
  }
}

/** Largest value of `pid_t`. No kernel assigns ids that high. */
const HIGHEST_PID = 2 ** 31 - 1

/** @throws {TypeError} if `value` is not an object. */
export function expectObject(value: unknown, name: string): asserts value is object {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`Expected \`${name}\` to be an object, got ${shown(value)}`)
  }
}

/** @throws {TypeError} if `value` is not an object or is an array, or has a key that is not in `known`. */
export function expectOptions(
  value: unknown,
  known: readonly string[],
  what = 'the options',
): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`Expected ${what} to be an object, got ${shown(value)}`)
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    throw new TypeError(`Expected ${what} to be among ${known.join(', ')}, got \`${unknown}\``)
  }
}

/**
Checks each option. An option that is `undefined` counts as left out.

@param name Name of the object that has the options, for error messages. Left out for the options of a call.
@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.
*/
export function expectEach<O extends object>(
  options: unknown,
  expected: Expectations<O>,
  name?: string,
): asserts options is O {
  const expectOf: Record<string, Expect> = expected
  expectOptions(options, Object.keys(expectOf), name && `\`${name}\``)
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined) expectOf[key]?.(value, name ? `${name}.${key}` : key)
  }
}

/** Completes `options` with defaults. */
export function withDefaults<O extends object>(options: O, defaults: Required<O>): Required<O> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...defaults, ...Object.fromEntries(given) }
}

/**
Throws if a user's function has returned a promise, which nothing would wait for. If that promise rejects, the rejection
does not count as unhandled.
*/
export function expectNoPromise(returned: unknown, name: string): void {
  if (typeof (returned as PromiseLike<unknown> | undefined)?.then !== 'function') return
  Promise.resolve(returned).catch(() => {})
  throw new TypeError(`Expected \`${name}\` to return no promise: nothing would wait for it`)
}
