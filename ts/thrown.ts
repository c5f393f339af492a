import { types } from 'node:util'
import { serialize } from 'node:v8'
import { QcloneError } from './errors.js'

/** An error, as it travels: structured clone keeps neither own properties nor names that are not built in. */
export interface ErrorRecord {
  name: string
  message: string
  stack: string | undefined
  properties: Record<string, unknown>
  cause?: Told
  /** Of an AggregateError. */
  errors?: Told[]
}

/** A cause, or one of many errors: what they are is up to those who throw. */
type Told = ErrorRecord | { value: unknown }

/** What was thrown, as it travels. */
export type Thrown = { thrown: unknown } | { error: ErrorRecord }

/** Of what a function threw, all that can travel. */
export function recordThrown(thrown: unknown): Thrown {
  try {
    const record = isError(thrown) ? { error: recordError(thrown) } : { thrown }
    serialize(record)
    return record
  } catch (cause) {
    // A getter of the error's threw, or what was thrown is a function, say.
    const why = isError(cause) ? cause.message : cause
    return { error: recordError(new Error(`the clone threw what cannot travel: ${why}`)) }
  }
}

/** What was thrown, made anew. */
export function reviveThrown(record: Thrown): unknown {
  return 'thrown' in record ? record.thrown : reviveError(record.error)
}

/** Whether it is an error, of whichever realm: code of a vm context (of jest, of a rules engine) throws its own. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error
}

function isAggregate(error: Error): error is AggregateError {
  const isOne = error instanceof AggregateError || error.name === 'AggregateError'
  return isOne && Array.isArray((error as AggregateError).errors)
}

const BUILT_IN = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }

function recordError(error: Error, depth = 0): ErrorRecord {
  const { name, message, stack } = error
  const properties: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(error)) {
    if (key !== 'cause' && canTravel(value)) properties[key] = value
  }
  const tell = (value: unknown) =>
    isError(value) ? recordError(value, depth + 1) : { value: travelled(value) }
  const deep = depth === MAX_DEPTH
  return {
    name: String(name),
    message: String(message),
    stack: stack && String(stack),
    properties,
    ...(error.cause !== undefined && !deep && { cause: tell(error.cause) }),
    ...(isAggregate(error) && { errors: deep ? [] : error.errors.map(tell) }),
  }
}

function reviveError({ name, message, stack, properties, cause, errors }: ErrorRecord): Error {
  const retell = (told: Told) => ('message' in told ? reviveError(told) : told.value)
  const details = cause && { cause: retell(cause) }
  const error = errors
    ? new AggregateError(errors.map(retell), message, details)
    : name === 'QcloneError'
      ? new QcloneError(properties.code as QcloneError['code'], message, details)
      : new (name in BUILT_IN ? BUILT_IN[name as keyof typeof BUILT_IN] : Error)(message, details)
  // Not enumerable, as they are on an error that was made here.
  const fixed = { configurable: true, writable: true, enumerable: false }
  Object.defineProperty(error, 'stack', { ...fixed, value: stack })
  if (error.name !== name) Object.defineProperty(error, 'name', { ...fixed, value: name })
  return Object.assign(error, properties)
}

export function canTravel(value: unknown): boolean {
  try {
    serialize(value)
    return true
  } catch {
    return false
  }
}

function travelled(value: unknown): unknown {
  return canTravel(value) ? value : String(value)
}

/** How deep causes and errors within errors are told. */
const MAX_DEPTH = 8
