import { Socket } from 'node:net'
import { deserialize, serialize } from 'node:v8'
import type { Clone } from './children.js'
import { QcloneError } from './errors.js'

/** What a clone told. */
export type Answer = { value: unknown } | { error: unknown }

/** An error, as it travels: structured clone keeps neither own properties nor names that are not built in. */
interface ErrorRecord {
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

type Payload = { value: unknown } | { thrown: unknown } | { error: ErrorRecord }

/** Bytes of a frame's head: the length of its payload. */
const HEAD_BYTES = 8

/** @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE`. */
export function encodeValue(value: unknown): Uint8Array {
  try {
    return encode({ value })
  } catch (cause) {
    const message = `the value cannot travel by structured clone: ${cause instanceof Error ? cause.message : cause}`
    throw new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, { cause })
  }
}

/** Encodes what a function threw; of an error, all that can travel. */
export function encodeError(thrown: unknown): Uint8Array {
  try {
    return encode(thrown instanceof Error ? { error: record(thrown) } : { thrown })
  } catch (cause) {
    // A getter of the error's threw, or what was thrown is a function, say.
    const error = new Error(
      `the clone threw what cannot travel: ${cause instanceof Error ? cause.message : cause}`,
    )
    return encode({ error: record(error) })
  }
}

function encode(payload: Payload): Uint8Array {
  const body = serialize(payload)
  const frame = Buffer.allocUnsafe(HEAD_BYTES + body.length)
  frame.writeBigUInt64LE(BigInt(body.length))
  body.copy(frame, HEAD_BYTES)
  return frame
}

function decode(body: Buffer): Answer {
  const payload = deserialize(body) as Payload
  if ('value' in payload) return payload
  return { error: 'thrown' in payload ? payload.thrown : revive(payload.error) }
}

/**
Reads a clone's answer from a pipe, and closes the pipe.

@returns undefined when the clone ended without a whole one.
*/
export function receiveAnswer(readEnd: number, clone: Clone): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = new Socket({ fd: readEnd, readable: true, writable: false })
    const chunks: Buffer[] = []
    let received = 0
    let expected = Infinity
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      received += chunk.length
      if (expected === Infinity && received >= HEAD_BYTES) {
        expected = HEAD_BYTES + Number(Buffer.concat(chunks).readBigUInt64LE())
      }
      // The frame says when it is whole: the pipe's end comes only when the clone's memory is gone.
      if (received < expected) return
      socket.destroy()
      try {
        resolve(decode(Buffer.concat(chunks, expected).subarray(HEAD_BYTES)))
      } catch (error) {
        reject(error)
      }
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(undefined))
    // A process that the clone left behind may hold the pipe open. What the clone itself wrote is there by now,
    // and the next turn reads it.
    const end = () => setImmediate(() => setImmediate(() => socket.destroy()))
    clone.exited.then(end, end)
  })
}

const BUILT_IN = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }

function record(error: Error, depth = 0): ErrorRecord {
  const { name, message, stack } = error
  const properties: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(error)) {
    if (key !== 'cause' && canTravel(value)) properties[key] = value
  }
  const tell = (value: unknown) =>
    value instanceof Error ? record(value, depth + 1) : { value: travelled(value) }
  const deep = depth === MAX_DEPTH
  return {
    name: String(name),
    message: String(message),
    stack: stack && String(stack),
    properties,
    ...(error.cause !== undefined && !deep && { cause: tell(error.cause) }),
    ...(error instanceof AggregateError && { errors: deep ? [] : error.errors.map(tell) }),
  }
}

function revive({ name, message, stack, properties, cause, errors }: ErrorRecord): Error {
  const retell = (told: Told) => ('message' in told ? revive(told) : told.value)
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

function canTravel(value: unknown): boolean {
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
