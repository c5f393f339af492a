import { calledInClones } from '../in-clone/precompile.js'
import { define } from '../node-internals/define.js'
import { DOMException } from '../node-internals/process.js'
import { isQcloneError, QcloneError } from '../types/errors.js'
import { isError } from '../types/is-error.js'
import { pack, unpack } from './serialize.js'

/** Error in the form in which it travels: structured clone keeps neither own properties nor names of other classes. */
interface ErrorRecord {
  name: string
  message: string
  stack: string | undefined
  isDomException: boolean
  isQcloneError: boolean
  properties: Array<[key: string, part: Part]>
  cause?: Part
  /** Those of an AggregateError. */
  errors?: Part[]
}

/** Part of an error: a packed value or another error. */
type Part = ErrorRecord | Uint8Array

/** Thrown value in the form in which it travels. Each of its parts has been packed, once. */
export interface Thrown {
  part: Part
}

/** Records everything that can travel of a value that was thrown. */
export function recordThrown(thrown: unknown): Thrown {
  try {
    return { part: recordPart(thrown, 'thrown', 0) }
  } catch (cause) {
    // A getter of the error threw.
    const message = `the error thrown in the clone cannot travel: ${cause instanceof Error ? cause.message : cause}`
    const error = new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, { path: 'thrown' })
    return { part: recordError(error, 'thrown', 0) }
  }
}

/** Restores the value that was thrown. */
export function reviveThrown({ part }: Thrown): unknown {
  return revivePart(part)
}

/** Records a part. One that cannot travel is replaced by the error that says why. */
function recordPart(value: unknown, path: string, depth: number): Part {
  if (isError(value)) return recordError(value, path, depth)
  try {
    return pack(value, false, path).body
  } catch (error) {
    return recordError(error as QcloneError, path, depth)
  }
}

function revivePart(part: Part): unknown {
  return 'message' in part ? reviveError(part) : unpack(Buffer.from(part), [])
}

function isAggregate(error: Error): error is AggregateError {
  const isOne = error instanceof AggregateError || error.name === 'AggregateError'
  return isOne && Array.isArray((error as AggregateError).errors)
}

function recordError(error: Error, path: string, depth: number): ErrorRecord {
  const { name, message, stack, cause } = error
  const partAt = (value: unknown, step: string) => recordPart(value, `${path}${step}`, depth + 1)
  // Ends a ring of errors.
  const isDeep = depth >= MAX_DEPTH
  const properties: ErrorRecord['properties'] = []
  for (const [key, value] of Object.entries(error)) {
    // Errors of HTTP clients, for example, have methods.
    if (key === 'cause' || typeof value === 'function' || typeof value === 'symbol') continue
    if (!isDeep || !isError(value)) properties.push([key, partAt(value, `.${key}`)])
  }
  const { errors } = error as AggregateError
  return {
    name: String(name),
    message: String(message),
    stack: stack && String(stack),
    isDomException: error instanceof DOMException,
    isQcloneError: isQcloneError(error),
    properties,
    ...(cause !== undefined && !isDeep && { cause: partAt(cause, '.cause') }),
    ...(isAggregate(error) && {
      errors: isDeep ? [] : Array.from(errors, (one, index) => partAt(one, `.errors[${index}]`)),
    }),
  }
}

function reviveError(record: ErrorRecord): Error {
  const { name, stack, properties, errors } = record
  const details = record.cause && { cause: revivePart(record.cause) }
  const error = create(record, details)
  // Not enumerable, as on any error.
  const hide = (key: string, value: unknown) =>
    define(error, key, { configurable: true, writable: true, enumerable: false, value })
  hide('stack', stack)
  if (error.name !== name) hide('name', name)
  if (errors) hide('errors', errors.map(revivePart))
  for (const [key, part] of properties) {
    define(error, key, {
      configurable: true,
      writable: true,
      enumerable: true,
      value: revivePart(part),
    })
  }
  return error
}

/** Creates an error of the class that was thrown, if that is a built-in one. */
function create(record: ErrorRecord, details?: ErrorOptions): Error {
  const { name, message, properties, errors } = record
  if (record.isDomException) return new DOMException(message, { name, ...details })
  if (errors) return new AggregateError([], message, details)
  if (record.isQcloneError) {
    const code = properties.find(([key]) => key === 'code')?.[1]
    return new QcloneError((code && revivePart(code)) as QcloneError['code'], message, details)
  }
  const type = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name as keyof typeof BUILT_IN] : Error
  return new type(message, details)
}

const BUILT_IN = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }

/** Maximum depth of causes and errors within errors. */
const MAX_DEPTH = 8

calledInClones(recordThrown, recordPart, isError, isQcloneError, isAggregate, recordError)
