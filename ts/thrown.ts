import { types } from 'node:util'
import { calledInClones } from './clone-context/ahead.js'
import { QcloneError } from './errors.js'
import { DOMException } from './node.js'
import { pack, unpack } from './values.js'

/** An error, as it travels: structured clone keeps neither own properties nor names that are not built in. */
interface ErrorRecord {
  name: string
  message: string
  stack: string | undefined
  isDomException: boolean
  properties: Array<[key: string, told: Told]>
  cause?: Told
  /** Of an AggregateError. */
  errors?: Told[]
}

/** A part of an error: a value, packed, or another error. */
type Told = ErrorRecord | Uint8Array

/** What was thrown, as it travels. All that it holds has been packed, and packed once. */
export interface Thrown {
  told: Told
}

/** Of what a function threw, all that can travel. */
export function recordThrown(thrown: unknown): Thrown {
  try {
    return { told: tell(thrown, 'thrown', 0) }
  } catch (cause) {
    // A getter of the error's threw.
    const message = `what the clone threw cannot travel: ${cause instanceof Error ? cause.message : cause}`
    const error = new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, { path: 'thrown' })
    return { told: recordError(error, 'thrown', 0) }
  }
}

/** What was thrown, made anew. */
export function reviveThrown({ told }: Thrown): unknown {
  return retell(told)
}

/** What cannot travel is told by the error that says so. */
function tell(value: unknown, path: string, depth: number): Told {
  if (isError(value)) return recordError(value, path, depth)
  try {
    return pack(value, false, path).body
  } catch (error) {
    return recordError(error as QcloneError, path, depth)
  }
}

function retell(told: Told): unknown {
  return 'message' in told ? reviveError(told) : unpack(Buffer.from(told), [])
}

/** Whether it is an error, of whichever realm: code of a vm context (of jest, of a rules engine) throws its own. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}

function isAggregate(error: Error): error is AggregateError {
  const isOne = error instanceof AggregateError || error.name === 'AggregateError'
  return isOne && Array.isArray((error as AggregateError).errors)
}

function recordError(error: Error, path: string, depth: number): ErrorRecord {
  const { name, message, stack, cause } = error
  const tellPart = (value: unknown, step: string) => tell(value, `${path}${step}`, depth + 1)
  // A ring of errors is told some times over, and no more.
  const isDeep = depth >= MAX_DEPTH
  const properties: ErrorRecord['properties'] = []
  for (const [key, value] of Object.entries(error)) {
    // Errors of clients of HTTP, say, have methods of their own.
    if (key === 'cause' || typeof value === 'function' || typeof value === 'symbol') continue
    if (!isDeep || !isError(value)) properties.push([key, tellPart(value, `.${key}`)])
  }
  const { errors } = error as AggregateError
  return {
    name: String(name),
    message: String(message),
    stack: stack && String(stack),
    isDomException: error instanceof DOMException,
    properties,
    ...(cause !== undefined && !isDeep && { cause: tellPart(cause, '.cause') }),
    ...(isAggregate(error) && {
      errors: isDeep ? [] : Array.from(errors, (one, index) => tellPart(one, `.errors[${index}]`)),
    }),
  }
}

function reviveError(record: ErrorRecord): Error {
  const { name, stack, properties, errors } = record
  const details = record.cause && { cause: retell(record.cause) }
  const error = create(record, details)
  // Not enumerable, as they are on an error that was made here.
  const hide = (key: string, value: unknown) =>
    Object.defineProperty(error, key, { configurable: true, writable: true, enumerable: false, value })
  hide('stack', stack)
  if (error.name !== name) hide('name', name)
  if (errors) hide('errors', errors.map(retell))
  for (const [key, told] of properties) {
    Object.defineProperty(error, key, {
      configurable: true,
      writable: true,
      enumerable: true,
      value: retell(told),
    })
  }
  return error
}

/** An error of the class that was thrown, if it is one that is everywhere. */
function create({ name, message, isDomException, properties, errors }: ErrorRecord, details?: ErrorOptions) {
  if (isDomException) return new DOMException(message, { name, ...details })
  if (errors) return new AggregateError([], message, details)
  if (name === 'QcloneError') {
    const code = properties.find(([key]) => key === 'code')?.[1]
    return new QcloneError((code && retell(code)) as QcloneError['code'], message, details)
  }
  const type = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name as keyof typeof BUILT_IN] : Error
  return new type(message, details)
}

const BUILT_IN = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }

/** How deep causes and errors within errors are told. */
const MAX_DEPTH = 8

calledInClones(recordThrown, tell, isError, isAggregate, recordError)
