import { constants } from 'node:os'
import { inspect } from 'node:util'

/** "`v` (type)", as every error about an argument ends. */
export function shown(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity })
  return `\`${text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text}\` (${typeof value})`
}

/** How much of a value is shown. An application of Express, say, has some dozens of properties. */
const MOST_SHOWN = 100

/** @throws {TypeError} when `value` is not a function. */
export function expectFunction(value: unknown, name: string): asserts value is (...args: never[]) => unknown {
  if (typeof value !== 'function') {
    throw new TypeError(`Expected \`${name}\` to be a function, got ${shown(value)}`)
  }
}

/** @throws {TypeError} when `value` is not an array. */
export function expectArray(value: unknown, name: string): asserts value is unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`Expected \`${name}\` to be an array, got ${shown(value)}`)
}

/** @throws {TypeError} when `value` is not a string. */
export function expectString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string')
    throw new TypeError(`Expected \`${name}\` to be a string, got ${shown(value)}`)
}

/** @throws {TypeError} when `value` is not a boolean. */
export function expectBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') {
    throw new TypeError(`Expected \`${name}\` to be a boolean, got ${shown(value)}`)
  }
}

/** @throws {TypeError} when `value` is none of `values`. */
export function expectOneOf(value: unknown, name: string, values: readonly unknown[]): void {
  if (!values.includes(value)) {
    const choice = values.map((one) => `\`${one}\``).join(' or ')
    throw new TypeError(`Expected \`${name}\` to be ${choice}, got ${shown(value)}`)
  }
}

/** @throws {TypeError} when `value` is not a number, {@link RangeError} when it is not finite or below `least`. */
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

/** As {@link expectNumber}, and an integer or Infinity. */
export function expectCount(value: unknown, name: string, least: number): asserts value is number {
  if (value === Infinity) return
  expectNumber(value, name, least)
  expectInteger(value, name)
}

/** @throws {TypeError} when `value` is not the name of a signal. */
export function expectSignal(value: unknown, name: string): asserts value is NodeJS.Signals {
  if (!Object.hasOwn(constants.signals, value as string)) {
    throw new TypeError(`Expected \`${name}\` to be the name of a signal, got ${shown(value)}`)
  }
}

/** The longest that a timer can wait. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/** @throws {TypeError} when `value` is not a number, {@link RangeError} when no timer can wait for it. */
export function expectMilliseconds(value: unknown, name: string, least = 0): asserts value is number {
  expectNumber(value, name, least)
  if (value > LONGEST_TIMEOUT_MS) {
    throw new RangeError(`Expected \`${name}\` to be at most ${LONGEST_TIMEOUT_MS}, got ${shown(value)}`)
  }
}

/** @throws {RangeError} when `value` is not an integer. */
export function expectInteger(value: number, name: string): void {
  if (!Number.isInteger(value)) {
    throw new RangeError(`Expected \`${name}\` to be an integer, got ${shown(value)}`)
  }
}

/** @throws {TypeError} when `value` is not a number, {@link RangeError} when it is no process id. */
export function expectPid(value: unknown, name: string): asserts value is number {
  expectNumber(value, name, 1)
  if (!Number.isInteger(value) || value > HIGHEST_PID) {
    throw new RangeError(`Expected \`${name}\` to be a process id, got ${shown(value)}`)
  }
}

/** As wide as the type is: no kernel gives ids that high. */
const HIGHEST_PID = 2 ** 31 - 1

/** @throws {TypeError} when `value` is not an object. */
export function expectObject(value: unknown, name: string): asserts value is object {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`Expected \`${name}\` to be an object, got ${shown(value)}`)
  }
}

/** @throws {TypeError} when `value` is not an object with no other keys than `known`. */
export function expectOptions(
  value: unknown,
  known: readonly string[],
): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`Expected the options to be an object, got ${shown(value)}`)
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    throw new TypeError(`Expected the options to be among ${known.join(', ')}, got \`${unknown}\``)
  }
}
