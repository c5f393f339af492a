import { calledInClones } from '../in-clone/precompile.js'
import { define } from '../node-internals/define.js'
import { DOMException } from '../node-internals/process.js'
import { isQcloneError, QcloneError } from '../types/errors.js'
import { isError } from '../types/is-error.js'
import { pack, unpack } from './serialize.js'

/** Error in its serialized form: structured clone keeps neither own properties nor names of other classes. */
interface ErrorRecord {
  /** Name of the class used to restore the error. */
  type: string
  name: string
  message: string
  stack: string | undefined
  properties: Property[]
  /** Non-enumerable properties: `cause`, and those of errors that contain other errors. */
  hidden: Property[]
}

type Property = [key: string, part: Part]

/** Part of an error: a packed value, the index of another error, or a list of parts. */
type Part = Uint8Array | number | Part[]

/** Thrown value in its serialized form. Each of its parts has been packed once. */
export interface Thrown {
  part: Part
  /** All errors in the value, each once: they can refer to each other in cycles. */
  errors: ErrorRecord[]
}

/** Thrown value while it is being recorded. */
interface Recording {
  errors: ErrorRecord[]
  indexes: Map<Error, number>
  /** Errors that have an index, but no record yet. */
  ahead: Array<[error: Error, path: string]>
  packed: Map<unknown, Uint8Array>
  /** Number of bytes left for the rest. */
  room: number
}

/**
Records all parts of a thrown value that can travel.

@param room maximum number of bytes. Parts that would take more are replaced by an error that says so, and long
  messages are cut.
*/
export function recordThrown(thrown: unknown, room: number): Thrown {
  try {
    return record(thrown, room)
  } catch (cause) {
    // A proxy of an error threw.
    return record(lost(`the error thrown in the clone cannot travel: ${reasonOf(cause)}`, 'thrown'), room)
  }
}

function record(thrown: unknown, room: number): Thrown {
  const recording: Recording = { errors: [], indexes: new Map(), ahead: [], packed: new Map(), room }
  const { errors, ahead } = recording
  const part = recordPart(recording, thrown, 'thrown') ?? []
  // The outermost errors come first, so they get the room.
  for (let next = 0; next < ahead.length; next++) {
    const [error, path] = ahead[next] as (typeof ahead)[number]
    errors.push(recordError(recording, error, path))
  }
  return { part, errors }
}

/** Estimated size of an empty record, and of a part without its bytes. */
const RECORD_BYTES = 512
const PART_BYTES = 32

/** Number of bytes reserved for the texts of each error, and for an error that replaces a part. */
const TEXT_BYTES = 3584
const ERROR_BYTES = RECORD_BYTES + TEXT_BYTES

/**
Records a part. A part that cannot travel is replaced by an error that says why. Returns undefined if there is no room
even for the error.
*/
function recordPart(recording: Recording, value: unknown, path: string): Part | undefined {
  try {
    if (Array.isArray(value) && hasErrors(value)) return recordList(recording, value, path)
    return recordItem(recording, value, path)
  } catch (cause) {
    // A proxy threw.
    return recordIndex(recording, lost(`${path} cannot travel: ${reasonOf(cause)}`, path), path)
  }
}

function recordItem(recording: Recording, value: unknown, path: string): Uint8Array | number | undefined {
  if (isError(value)) return recordIndex(recording, value, path)
  const { packed } = recording
  try {
    const body = packed.get(value) ?? pack(value, false, path).body
    // An object shared by several errors travels once.
    const bytes = packed.has(value) ? 0 : body.length
    if (bytes + ERROR_BYTES > recording.room)
      throw lost(`${path} takes ${body.length} bytes, ${TOO_LARGE}`, path)
    if (typeof value === 'object' && value !== null) packed.set(value, body)
    recording.room -= bytes + PART_BYTES
    return body
  } catch (error) {
    return recordIndex(recording, error as QcloneError, path)
  }
}

const TOO_LARGE = 'more than `maxAnswerBytes` leaves room for: throw less, or allow more with `configure`'

/** Returns the index of an error, whose record follows. */
function recordIndex(recording: Recording, error: Error, path: string): number | undefined {
  const { indexes, ahead } = recording
  const known = indexes.get(error)
  if (known !== undefined) return known
  // The first error always travels.
  if (recording.room < ERROR_BYTES && ahead.length > 0) return undefined
  recording.room -= ERROR_BYTES
  indexes.set(error, ahead.length)
  return ahead.push([error, path]) - 1
}

function recordList(recording: Recording, list: readonly unknown[], path: string): Part[] {
  const parts: Part[] = []
  for (let i = 0; i < list.length && recording.room > 0; i++) {
    const part = recordItem(recording, list[i], `${path}[${i}]`)
    recording.room -= PART_BYTES
    if (part !== undefined) parts.push(part)
  }
  return parts
}

/** Returns whether there are errors among the first items of a list. Calls no getters. */
function hasErrors(list: readonly unknown[]): boolean {
  const length = Math.min(list.length, MOST_LOOKED_AT)
  for (let i = 0; i < length; i++) {
    if (isError(Object.getOwnPropertyDescriptor(list, i)?.value)) return true
  }
  return false
}

const MOST_LOOKED_AT = 1000

function recordError(recording: Recording, error: Error, path: string): ErrorRecord {
  recording.room += TEXT_BYTES
  const name = textOf(error, 'name') ?? 'Error'
  const type = typeOf(error, name)
  const message = textOf(error, 'message') ?? '(a message that is not a string)'
  const stack = textOf(error, 'stack')
  const sentMessage = cut(recording, message)
  const sentStack =
    stack && cut(recording, message === sentMessage ? stack : stack.replace(message, () => sentMessage))
  const record: ErrorRecord = {
    type,
    name: cut(recording, name),
    message: sentMessage,
    stack: sentStack,
    properties: [],
    hidden: [],
  }
  const keys = Object.keys(error)
  for (const key of keys) {
    if (key !== 'cause') recordProperty(recording, record.properties, error, key, path)
  }
  for (const key of ['cause', ...(HIDDEN_OF[type] ?? [])]) {
    if (key === 'cause' || !keys.includes(key)) recordProperty(recording, record.hidden, error, key, path)
  }
  return record
}

/** Length from which a path is cut. */
const MOST_OF_PATH = 200

/** Non-enumerable properties of built-in classes, besides the cause. */
const HIDDEN_OF: Partial<Record<string, readonly string[]>> = {
  AggregateError: ['errors'],
  SuppressedError: ['error', 'suppressed'],
}

function recordProperty(recording: Recording, to: Property[], error: Error, key: string, path: string): void {
  const pathTo = path.length < MOST_OF_PATH ? `${path}.${key}` : `${path.slice(0, MOST_OF_PATH)}…`
  let value: unknown
  try {
    value = (error as unknown as Record<string, unknown>)[key]
  } catch (cause) {
    value = lost(`${pathTo} cannot travel, because its getter threw: ${reasonOf(cause)}`, pathTo)
  }
  // Errors of HTTP clients, for example, have methods.
  if (typeof value === 'function' || typeof value === 'symbol' || (key === 'cause' && value === undefined))
    return
  const part = recordPart(recording, value, pathTo)
  if (part === undefined) return
  recording.room -= PART_BYTES + 2 * key.length
  to.push([key, part])
}

/** Returns a property as a string; undefined if there is none, or it cannot be converted. */
function textOf(error: Error, key: 'name' | 'message' | 'stack'): string | undefined {
  try {
    const value: unknown = error[key]
    return value === undefined ? undefined : String(value)
  } catch {
    return undefined
  }
}

/** Cuts a text that would take more than half of the room. */
function cut(recording: Recording, text: string): string {
  const most = Math.max(0, Math.floor(recording.room / 4))
  const kept = text.length > most ? `${text.slice(0, most)}…` : text
  recording.room -= 2 * kept.length
  return kept
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? (textOf(cause, 'message') ?? '') : typeof cause
}

function lost(message: string, path: string): QcloneError {
  return new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, { path })
}

/** Returns the name of the class used to restore an error: its own, if that class is built in. */
function typeOf(error: Error, name: string): string {
  if (error instanceof DOMException) return 'DOMException'
  if (isQcloneError(error)) return 'QcloneError'
  if (isOf(error, name, 'AggregateError') && Array.isArray((error as AggregateError).errors))
    return 'AggregateError'
  if (isOf(error, name, 'SuppressedError') && 'suppressed' in error) return 'SuppressedError'
  // A class with such a name usually belongs to the program.
  const ofWasm = OF_WASM.find((type) => isInstance(error, GLOBAL.WebAssembly?.[type]))
  return ofWasm ?? (Object.hasOwn(BUILT_IN, name) ? name : 'Error')
}

/** Returns whether an error is an instance of a class, or has its name, as errors of another realm do. */
function isOf(error: Error, name: string, type: 'AggregateError' | 'SuppressedError'): boolean {
  return name === type || isInstance(error, GLOBAL[type])
}

function isInstance(error: Error, type: ErrorClass | undefined): boolean {
  return type !== undefined && error instanceof type
}

type ErrorClass = new (...args: never[]) => Error

const OF_WASM = ['CompileError', 'LinkError', 'RuntimeError'] as const

/** Classes that Node's types lack, and that not every Node.js has. */
const GLOBAL = globalThis as unknown as {
  AggregateError: typeof AggregateError
  SuppressedError?: new (error: unknown, suppressed: unknown, message: string) => Error
  WebAssembly?: Record<(typeof OF_WASM)[number], new (message: string) => Error>
}

const BUILT_IN = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }

/** Restores a thrown value. */
export function reviveThrown({ part, errors }: Thrown): unknown {
  const revived = errors.map(create)
  const values = new Map<Uint8Array, unknown>()
  const revive = (part: Part): unknown => {
    if (typeof part === 'number') return revived[part]
    if (Array.isArray(part)) return part.map(revive)
    if (!values.has(part)) values.set(part, unpack(Buffer.from(part), []))
    return values.get(part)
  }
  errors.forEach(({ name, stack, properties, hidden }, index) => {
    const error = revived[index] as Error
    // Not enumerable, as on any error.
    const set = (key: string, value: unknown, enumerable = false) =>
      define(error, key, { configurable: true, writable: true, enumerable, value })
    set('stack', stack)
    if (error.name !== name) set('name', name)
    for (const [key, part] of hidden) set(key, revive(part))
    for (const [key, part] of properties) set(key, revive(part), true)
  })
  return revive(part)
}

/** Creates an error of the class that was thrown, if that class is built in. */
function create({ type, name, message, properties }: ErrorRecord): Error {
  if (type === 'DOMException') return new DOMException(message, name)
  if (type === 'AggregateError') return new AggregateError([], message)
  if (type === 'QcloneError') {
    const code = properties.find(([key]) => key === 'code')?.[1]
    return new QcloneError(
      (ArrayBuffer.isView(code) && unpack(Buffer.from(code), [])) as QcloneError['code'],
      message,
    )
  }
  const { SuppressedError, WebAssembly } = GLOBAL
  if (type === 'SuppressedError' && SuppressedError) return new SuppressedError(undefined, undefined, message)
  const ofWasm = OF_WASM.find((one) => one === type)
  const Type =
    (ofWasm && WebAssembly?.[ofWasm]) || (Object.hasOwn(BUILT_IN, type) && BUILT_IN[type as 'Error']) || Error
  return new Type(message)
}

calledInClones(
  recordThrown,
  record,
  recordPart,
  recordItem,
  recordIndex,
  recordList,
  hasErrors,
  recordError,
  recordProperty,
  textOf,
  cut,
  typeOf,
  isOf,
  isInstance,
  isError,
  isQcloneError,
)
