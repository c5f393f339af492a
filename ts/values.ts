import { Buffer } from 'node:buffer'
import v8 from 'node:v8'
import { calledInClones } from './clone-context/ahead.js'
import { type Culprit, findLost, findRefused, findTooDeep, isOfPlatform } from './culprit.js'
import { areEmptyObjects } from './empty.js'
import { QcloneError } from './errors.js'
import { native } from './native.js'
import { isInline } from './settings.js'
import { inThisTask } from './task-name.js'

/** What a value travels in. */
export interface Packed {
  body: Uint8Array
  /** Large memory that the body refers to, and that travels beside it. */
  large: readonly Uint8Array[]
}

/** From how many bytes on a buffer may travel beside the body. */
export const LARGE_BYTES = 1 << 18

/**
@param beside whether large memory may travel beside the body.
@param root what the value is called in the path to a part of it.
@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE`, with the path to what cannot be cloned.
*/
export function pack(value: unknown, beside: boolean, root = 'value'): Packed {
  const primitive = packPrimitive(value)
  if (primitive) return { body: primitive, large: NONE }
  const parts = [value, ...firstPartsOf(value)]
  const serializer = new ValueSerializer(beside)
  let body: Buffer
  try {
    serializer.writeHeader()
    if (beside) serializer.layBeside([...new Set(parts.filter(isLarge))])
    serializer.writeValue(value)
    body = serializer.releaseBuffer()
  } catch (cause) {
    const isOverflow = cause instanceof RangeError && cause.message.startsWith('Maximum call stack')
    throw unserializable((isOverflow ? findTooDeep : findRefused)(value, root), cause)
  }
  const seen = inspectSerialized(body)
  const isLossy = seen & SUSPECT || (seen & EMPTY && !areEmpty(value, body)) || parts.some(isObjectOfPlatform)
  if (isLossy) {
    const lost = findLost(value, root)
    if (lost) throw unserializable(lost, 'send plain data in its place')
  }
  if (seen & DEEP) expectReadable(value, root, body, serializer.large)
  return { body, large: serializer.large }
}

/** V8 may tell all of a function. */
const MOST_OF_WHY = 100

/** What the native part sees in a body: there are empty objects, which may have been more. */
const EMPTY = 1
/** The same: something else may be lost. */
const SUSPECT = 2
/** The same: it may be too deep to be read. */
const DEEP = 4

function inspectSerialized(body: Buffer): number {
  // Where nothing is cloned there need not be a native part.
  return isInline() ? SUSPECT | DEEP : native().inspectSerialized(body)
}

/** Whether all that arrive as empty objects are such. */
function areEmpty(value: unknown, body: Buffer): boolean {
  return areEmptyObjects(value, native().emptyObjects(body))
}

function isObjectOfPlatform(part: unknown): boolean {
  return typeof part === 'object' && part !== null && isOfPlatform(part)
}

/** V8 needs more of the stack to read than to write, and whoever reads may have less of it. */
function expectReadable(value: unknown, root: string, body: Buffer, large: readonly Uint8Array[]): void {
  const buffers = large.map(({ length }) => new ArrayBuffer(length))
  const read = (frames: number): unknown => (frames > 0 ? read(frames - 1) : unpack(body, buffers))
  try {
    read(FRAMES_OF_READER)
  } catch (cause) {
    throw unserializable(findTooDeep(value, root), cause)
  }
}

/** More than there are between a turn of the event loop and the reading of a message, by far. */
const FRAMES_OF_READER = 500

function unserializable({ path, what }: Culprit, cause: unknown): QcloneError {
  const [why] = String(cause instanceof Error ? cause.message : cause).split('\n')
  const message = `${path} cannot travel by structured clone, being ${what}: ${why?.slice(0, MOST_OF_WHY)}`
  const details = { path, ...(cause instanceof Error && { cause }) }
  return inThisTask(new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, details))
}

/** A value, from its body and, in the same order, the memory that travelled beside it. */
export function unpack(body: Buffer, large: readonly ArrayBuffer[]): unknown {
  if (body[0] !== V8_HEADER) return unpackPrimitive(body)
  const deserializer = new ValueDeserializer(body, large)
  deserializer.readHeader()
  return deserializer.readValue()
}

const NONE: readonly Uint8Array[] = []

/** What V8's serializer begins with, in each of its versions. */
const V8_HEADER = 0xff

/** Primitives that have nothing to tell but which one they are, by the byte that they travel as. */
const SINGLE: readonly unknown[] = [undefined, null, false, true]

/** In front of the 8 bytes of a number. */
const NUMBER = 0x10

/** In front of a string's UTF-16, behind a zero. */
const STRING = 0x11
const STRING_HEAD_BYTES = 2

/** Up to which length a string goes so. V8's way writes one of Latin letters in half the bytes. */
const MOST_UNITS = 1024

/**
The small primitives that most short answers are, without a serializer: to make its first one takes a clone longer
than all else that it does to answer.
*/
function packPrimitive(value: unknown): Uint8Array | undefined {
  if (typeof value === 'number') {
    const body = new Uint8Array(1 + Float64Array.BYTES_PER_ELEMENT)
    body[0] = NUMBER
    new DataView(body.buffer).setFloat64(1, value, true)
    return body
  }
  if (typeof value === 'string' && value.length <= MOST_UNITS) {
    // Not by a method of buffers, which a clone would have to compile.
    const body = new Uint8Array(STRING_HEAD_BYTES + 2 * value.length)
    body[0] = STRING
    const units = new Uint16Array(body.buffer, STRING_HEAD_BYTES)
    for (let i = 0; i < value.length; i++) units[i] = value.charCodeAt(i)
    return body
  }
  const single = SINGLE.indexOf(value)
  return single === -1 ? undefined : Uint8Array.of(single)
}

function unpackPrimitive(body: Buffer): unknown {
  const kind = body[0] ?? SINGLE.length
  if (kind === NUMBER) return body.readDoubleLE(1)
  if (kind === STRING) return body.toString('utf16le', STRING_HEAD_BYTES)
  if (kind < SINGLE.length) return SINGLE[kind]
  throw new Error('a value of an unknown kind')
}

/**
What is right in a value, of which some is looked at. V8 tells of views when it comes to them, but of buffers it wants
to know before, and to look for them everywhere would take as long as to serialize. Calls no getters.
*/
function firstPartsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.slice(0, MOST_LOOKED_AT)
  if (!isRecord(value)) return []
  const parts: unknown[] = []
  for (const key of Object.keys(value).slice(0, MOST_LOOKED_AT)) {
    parts.push(Object.getOwnPropertyDescriptor(value, key)?.value)
  }
  return parts
}

function isLarge(part: unknown): part is ArrayBuffer {
  // One that can be resized stays so by V8's way alone.
  return part instanceof ArrayBuffer && part.byteLength >= LARGE_BYTES && !isResizable(part)
}

/** Node's types do not have it yet. */
function isResizable(buffer: ArrayBuffer): boolean {
  return (buffer as { resizable?: boolean }).resizable === true
}

/** Not a view, say, whose elements are its parts. */
function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}

const MOST_LOOKED_AT = 1000

/** Kinds of views, by the number that they travel as. By name, as those of another realm are of other classes. */
const VIEWS = [
  'Buffer',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float16Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
] as const

/** By its slot, which nothing that a class adds can hide. That of a DataView is not among them. */
function nameOf(view: ArrayBufferView): string {
  return (Reflect.apply(tagOf, view, []) as string | undefined) ?? 'DataView'
}

const tagOf = Reflect.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get as () => string | undefined

/** In place of a large view's number among those that travel beside: its bytes are here. */
const HERE = 0xffff_ffff

/** Node's classes, with the methods that are there to be overridden and that its types leave out. */
const { DefaultSerializer, DefaultDeserializer } = v8 as unknown as {
  DefaultSerializer: new () => v8.Serializer & { _writeHostObject(object: unknown): void }
  DefaultDeserializer: new (body: Buffer) => v8.Deserializer & { _readHostObject(): unknown }
}

class ValueSerializer extends DefaultSerializer {
  readonly large: Uint8Array[] = []
  readonly #largeBytes: number

  constructor(beside: boolean) {
    super()
    this.#largeBytes = beside ? LARGE_BYTES : Infinity
  }

  layBeside(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) {
      this.transferArrayBuffer(this.large.push(new Uint8Array(buffer)) - 1, buffer)
    }
  }

  /** V8 calls it for views, and for what cannot be cloned. */
  override _writeHostObject(view: unknown): void {
    if (!ArrayBuffer.isView(view)) {
      super._writeHostObject(view)
      return
    }
    const name = Buffer.isBuffer(view) ? 'Buffer' : nameOf(view)
    const bytes = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
    this.writeUint32(VIEWS.indexOf(name as (typeof VIEWS)[number]))
    if (bytes.length >= this.#largeBytes) {
      this.writeUint32(this.large.push(bytes) - 1)
    } else {
      this.writeUint32(HERE)
      this.writeUint32(bytes.length)
      this.writeRawBytes(bytes)
    }
  }
}

class ValueDeserializer extends DefaultDeserializer {
  readonly #large: readonly ArrayBuffer[]

  constructor(body: Buffer, large: readonly ArrayBuffer[]) {
    super(body)
    this.#large = large
    large.forEach((buffer, index) => {
      this.transferArrayBuffer(index, buffer)
    })
  }

  override _readHostObject(): NodeJS.ArrayBufferView {
    const name = VIEWS[this.readUint32()]
    const beside = this.readUint32()
    const buffer = beside === HERE ? this.#bytesHere() : this.#large[beside]
    if (!name || !buffer) throw new Error('a view of an unknown kind')
    if (name === 'Buffer') return Buffer.from(buffer)
    const View = (globalThis as unknown as Record<typeof name, Uint8ArrayConstructor>)[name]
    return new View(buffer)
  }

  /** A copy, since views are aligned and these bytes are not. */
  #bytesHere(): ArrayBuffer {
    return new Uint8Array(this.readRawBytes(this.readUint32())).buffer
  }
}

calledInClones(
  pack,
  packPrimitive,
  inspectSerialized,
  areEmpty,
  isObjectOfPlatform,
  firstPartsOf,
  isRecord,
  isLarge,
  isResizable,
  nameOf,
  ValueSerializer.prototype.layBeside,
  ValueSerializer.prototype._writeHostObject,
  ValueSerializer,
  DefaultSerializer,
)
