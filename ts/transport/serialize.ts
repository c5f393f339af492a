import { Buffer } from 'node:buffer'
import v8 from 'node:v8'
import { calledInClones } from '../in-clone/precompile.js'
import { inThisTask } from '../in-clone/task-name.js'
import { native } from '../native.js'
import { isInline } from '../options/settings.js'
import { QcloneError } from '../types/errors.js'
import { areEmptyObjects } from './empty-objects.js'
import { type Culprit, findLost, findRefused, findTooDeep, isOfPlatform } from './find-unserializable.js'

/** Serialized value. */
export interface Packed {
  body: Uint8Array
  /** Large memory that the body refers to and that travels separately. */
  large: readonly Uint8Array[]
}

/** Minimum size in bytes of a buffer that can travel separately from the body. */
export const LARGE_BYTES = 1 << 18

/**
Serializes a value.

@param beside whether large memory can travel separately from the body.
@param root name of the value in the path to a part of it.
@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE`, with the path to the part that cannot travel.
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
    const lost = findLost(value, root, () => unpack(body, memoryFor(serializer.large)))
    if (lost) throw unserializable(lost, 'send plain data instead')
  }
  if (seen & DEEP) expectReadable(value, root, body, serializer.large)
  return { body, large: serializer.large }
}

/** Maximum length of V8's reason, which can contain the whole source of a function. */
const MOST_OF_WHY = 100

/** Flag of the native part's inspection: the body has empty objects, which may have lost something. */
const EMPTY = 1
/** Flag of the same inspection: something else may be lost. */
const SUSPECT = 2
/** Flag of the same inspection: the value may be too deep to be read. */
const DEEP = 4

function inspectSerialized(body: Buffer): number {
  // Inline mode works without the native part.
  return isInline() ? SUSPECT | DEEP : native().inspectSerialized(body)
}

/** Returns whether all objects that arrive empty are empty here. */
function areEmpty(value: unknown, body: Buffer): boolean {
  return areEmptyObjects(value, native().emptyObjects(body))
}

function isObjectOfPlatform(part: unknown): boolean {
  return typeof part === 'object' && part !== null && isOfPlatform(part)
}

/** Reads the body once. V8 needs more stack for reading than for writing, and the reader may have less stack. */
function expectReadable(value: unknown, root: string, body: Buffer, large: readonly Uint8Array[]): void {
  const buffers = memoryFor(large)
  const read = (frames: number): unknown => (frames > 0 ? read(frames - 1) : unpack(body, buffers))
  try {
    read(FRAMES_OF_READER)
  } catch (cause) {
    throw unserializable(findTooDeep(value, root), cause)
  }
}

/** Returns buffers of the same sizes. */
function memoryFor(large: readonly Uint8Array[]): ArrayBuffer[] {
  return large.map(({ length }) => new ArrayBuffer(length))
}

/** Far more stack frames than lie between a turn of the event loop and the reading of a message. */
const FRAMES_OF_READER = 500

function unserializable({ path, what }: Culprit, cause: unknown): QcloneError {
  const [why] = String(cause instanceof Error ? cause.message : cause).split('\n')
  const message = `${path} cannot travel by structured clone, because it is ${what}: ${why?.slice(0, MOST_OF_WHY)}`
  const details = { path, ...(cause instanceof Error && { cause }) }
  return inThisTask(new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, details))
}

/** Deserializes a value from its body and the memory that traveled separately, in the same order. */
export function unpack(body: Buffer, large: readonly ArrayBuffer[]): unknown {
  if (body[0] !== V8_HEADER) return unpackPrimitive(body)
  const deserializer = new ValueDeserializer(body, large)
  deserializer.readHeader()
  return deserializer.readValue()
}

const NONE: readonly Uint8Array[] = []

/** First byte written by V8's serializer, in each of its versions. */
const V8_HEADER = 0xff

/** Primitives that travel as one byte: their index. */
const SINGLE: readonly unknown[] = [undefined, null, false, true]

/** Byte in front of the 8 bytes of a number. */
const NUMBER = 0x10

/** Byte in front of a string, followed by a zero and its UTF-16. */
const STRING = 0x11
const STRING_HEAD_BYTES = 2

/** Maximum length of a string packed this way. V8 writes Latin letters in half the bytes. */
const MOST_UNITS = 1024

/**
Packs a small primitive, as most short answers are, without a serializer: creating its first serializer takes a clone
longer than everything else it does to answer.
*/
function packPrimitive(value: unknown): Uint8Array | undefined {
  if (typeof value === 'number') {
    const body = new Uint8Array(1 + Float64Array.BYTES_PER_ELEMENT)
    body[0] = NUMBER
    new DataView(body.buffer).setFloat64(1, value, true)
    return body
  }
  if (typeof value === 'string' && value.length <= MOST_UNITS) {
    // A clone would have to compile the methods of Buffer.
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
  throw new Error('it is a value of an unknown kind')
}

/**
Returns the direct parts of a value, up to a limit. V8 asks for views when it reaches them, but must know buffers in
advance. Searching the whole value for buffers would take as long as serializing it. Calls no getters.
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
  // Only V8's own serialization keeps a resizable buffer resizable.
  return part instanceof ArrayBuffer && part.byteLength >= LARGE_BYTES && !isResizable(part)
}

/** Returns whether a buffer is resizable, a property that Node's types lack so far. */
function isResizable(buffer: ArrayBuffer): boolean {
  return (buffer as { resizable?: boolean }).resizable === true
}

/** Returns whether the parts of a value are its properties. The properties of a view are its elements. */
function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}

const MOST_LOOKED_AT = 1000

/** Kinds of views, by the number they travel as. Names, because views of another realm have other classes. */
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

/** Returns the name in a view's internal slot, which no subclass can hide. A DataView has no such slot. */
function nameOf(view: ArrayBufferView): string {
  return (Reflect.apply(tagOf, view, []) as string | undefined) ?? 'DataView'
}

const tagOf = Reflect.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get as () => string | undefined

/** Number sent in place of a view's index in `large`: the view's bytes follow. */
const HERE = 0xffff_ffff

/** Node's classes, with the overridable methods that its types lack. */
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

  /** Called by V8 for views, and for values that cannot be cloned. */
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
    if (!name || !buffer) throw new Error('it has a view of an unknown kind')
    if (name === 'Buffer') return Buffer.from(buffer)
    const View = (globalThis as unknown as Record<typeof name, Uint8ArrayConstructor>)[name]
    return new View(buffer)
  }

  /** Copies the bytes, since views must be aligned. */
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
