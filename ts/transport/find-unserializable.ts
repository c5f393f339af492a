import { Stream } from 'node:stream'
import { inspect, types } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { calledInClones } from '../in-clone/precompile.js'
import { hasStateOfStream } from '../node-internals/streams.js'

/** Part of a value that cannot travel. */
export interface Culprit {
  /** Path to it, such as `value.rows[3].get`. */
  path: string
  /** Description of it, such as `a function (get)`. */
  what: string
}

/** Part of a value, and the step that leads there. */
interface Node {
  value: unknown
  step: string
  of: Node | undefined
  depth: number
}

/**
Finds a part of `value` that V8 serializes without an error but loses. Calls no getters: parts they return are judged by
the deserialized copy.

@param read deserializes the written value.
*/
export function findLost(value: unknown, root: string, read: () => unknown): Culprit | undefined {
  const { culprit, getter } = search(value, root, ({ value }) => whatIsLost(value))
  if (culprit || !getter) return culprit
  let arrived: unknown
  try {
    arrived = read()
  } catch {
    // V8 writes nothing at all for a WebAssembly module.
    return { path: pathOf(getter), what: 'a getter whose value cannot be read' }
  }
  return findLostByGetter(value, arrived, root)
}

/**
Walks a value and its deserialized copy side by side, to find parts returned by getters that may have lost something. An
object that can also be reached without a getter has been judged already.
*/
function findLostByGetter(value: unknown, arrived: unknown, root: string): Culprit | undefined {
  const seen = new Set<unknown>()
  const ahead: Pair[] = [[{ value, step: root, of: undefined, depth: 0 }, arrived]]
  const given: Pair[] = []
  for (let pair = ahead.pop(); pair; pair = ahead.pop()) {
    const [node, arrived] = pair
    if (node.value === GETTER) given.push(pair)
    else if (isObject(node.value) && isObject(arrived) && !seen.has(arrived)) {
      seen.add(arrived)
      const partsOfArrived = [...partsOf(arrived)]
      const pairs = [...partsOf(node.value)].map(([value, step], index): Pair => {
        return [{ value, step, of: node, depth: 0 }, partsOfArrived[index]?.[0]]
      })
      for (const pair of pairs.reverse()) ahead.push(pair)
    }
  }
  given.reverse()
  for (let pair = given.pop(); pair; pair = given.pop()) {
    const [node, arrived] = pair
    if (!isObject(arrived) || seen.has(arrived)) continue
    seen.add(arrived)
    const what = whatMayBeLost(arrived)
    if (what) return { path: pathOf(node), what }
    for (const [part, step] of partsOf(arrived)) {
      given.push([{ value: GETTER, step, of: node, depth: 0 }, part])
    }
  }
  return undefined
}

/** Part of a value, and its deserialized copy. */
type Pair = [node: Node, arrived: unknown]

/** Describes an object returned by a getter that may have lost something when serialized. */
function whatMayBeLost(arrived: object): string | undefined {
  if (types.isNativeError(arrived)) {
    const [title = ''] = (arrived.stack ?? '').split('\n')
    return arrived.message === '' && title.includes(': ')
      ? 'an error that would arrive without its name'
      : undefined
  }
  const keys = isOrdinary(arrived) ? Object.keys(arrived) : undefined
  if (keys?.length === 0) return 'an object returned by a getter, which would arrive empty'
  return keys && hasStateOfStream(keys) ? 'a stream' : undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Finds the part of `value` that V8 has refused. Calls no getters. */
export function findRefused(value: unknown, root: string): Culprit {
  const { culprit, odd, getter } = search(
    value,
    root,
    ({ value }) => whatIsRefused(value) ?? whatIsLost(value),
  )
  if (culprit) return culprit
  // The last one is the innermost.
  const refused = odd.findLast(({ value }) => !canTravel(value))
  if (refused) return { path: pathOf(refused), what: inWords(refused.value) }
  return getter
    ? { path: pathOf(getter), what: 'a getter whose value cannot be cloned' }
    : { path: root, what: 'an object that cannot be read' }
}

/** Finds a part of `value` that is nested too deep to be read safely. Calls no getters. */
export function findTooDeep(value: unknown, root: string): Culprit {
  const what = 'a part of a value that is nested too deep'
  const { culprit } = search(value, root, ({ depth }) => (depth >= DEEP_LEVELS ? what : undefined))
  return culprit ?? { path: root, what }
}

/** Same limit as in the native part. V8 reads about 2,000 levels with Node's default stack. */
const DEEP_LEVELS = 1000

interface Found {
  culprit: Culprit | undefined
  /** Objects that V8 may refuse because of their type, in the order of the walk. */
  odd: Node[]
  /** First getter. */
  getter: Node | undefined
}

/** Walks a value in the order of V8's serializer, each object once, without recursion. */
function search(value: unknown, root: string, culpritIn: (node: Node) => string | undefined): Found {
  const found: Found = { culprit: undefined, odd: [], getter: undefined }
  const seen = new Set<unknown>()
  const ahead: Node[] = [{ value, step: root, of: undefined, depth: 0 }]
  for (let node = ahead.pop(); node; node = ahead.pop()) {
    if (isPlainValue(node.value) || seen.has(node.value)) continue
    seen.add(node.value)
    const what = culpritIn(node)
    if (what) {
      found.culprit = { path: pathOf(node), what }
      return found
    }
    if (typeof node.value !== 'object' || node.value === null || types.isProxy(node.value)) continue
    if (!isPlain(node.value) && !Array.isArray(node.value)) found.odd.push(node)
    const parts: Node[] = []
    for (const [value, step] of partsOf(node.value)) {
      const part = { value, step, of: node, depth: node.depth + 1 }
      if (value === GETTER) found.getter ??= part
      else if (!isPlainValue(value)) parts.push(part)
    }
    while (parts.length > 0) ahead.push(parts.pop() as Node)
  }
  return found
}

const GETTER = Symbol('a getter')

function isPlainValue(value: unknown): boolean {
  return value === null || !['object', 'function', 'symbol'].includes(typeof value)
}

/** Returns whether an object consists only of its properties. */
export function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value)
  return (prototype === null || isBase(prototype)) && !(Symbol.toStringTag in value)
}

/** Returns whether a prototype is `Object.prototype` of any realm, or empty. A class's prototype has a constructor. */
function isBase(prototype: object): boolean {
  if (prototype === Object.prototype) return true
  if (Object.getPrototypeOf(prototype) !== null) return false
  return Object.hasOwn(prototype, 'isPrototypeOf') || Reflect.ownKeys(prototype).length === 0
}

/** Yields the parts of an object that V8's serializer would read, each with the step that leads there. */
function* partsOf(value: object): Iterable<[part: unknown, step: string]> {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) || types.isBoxedPrimitive(value)) return
  if (types.isMap(value)) {
    let index = 0
    for (const [key, entry] of Map.prototype.entries.call(value)) {
      yield [key, `.keys()[${index++}]`]
      yield [entry, `.get(${inspect(key, { depth: 0 })})`]
    }
    return
  }
  if (types.isSet(value)) {
    let index = 0
    for (const item of Set.prototype.values.call(value)) yield [item, `.values()[${index++}]`]
    return
  }
  const isError = types.isNativeError(value)
  for (const key of isError ? ['cause'] : Object.keys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key)
    if (property) yield ['value' in property ? property.value : GETTER, stepTo(key, value)]
  }
}

function stepTo(key: string, value: object): string {
  if (Array.isArray(value) && INDEX.test(key)) return `[${key}]`
  return NAME.test(key) ? `.${key}` : `[${inspect(key)}]`
}

const INDEX = /^\d+$/
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** Steps of the longest path that is shown in full. */
const MOST_STEPS = 24

function pathOf(node: Node): string {
  const steps: string[] = []
  for (let at: Node | undefined = node; at; at = at.of) steps.push(at.step)
  steps.reverse()
  return steps.length > MOST_STEPS ? `${steps.slice(0, MOST_STEPS).join('')}…` : steps.join('')
}

/** Describes an object that V8 serializes but loses. Returns undefined for any other value. */
function whatIsLost(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return undefined
  // A DOMException is both: it would arrive as an error without name and message.
  if (types.isNativeError(value) && !isOfPlatform(value)) {
    return isInOwnCause(value) && !ringsAreRead() ? 'an error that is part of its own cause' : undefined
  }
  const isLost =
    isOfPlatform(value) || (!isPlain(value) && isOrdinary(value) && Object.keys(value).length === 0)
  return isLost ? `${inWords(value)}, which would arrive empty` : undefined
}

/** Describes a value that V8 refuses. Returns undefined for any other value. */
function whatIsRefused(value: unknown): string | undefined {
  if (typeof value === 'function') return `a function (${value.name || 'anonymous'})`
  if (typeof value === 'symbol') return `a symbol (${String(value)})`
  return types.isProxy(value) ? 'a Proxy' : undefined
}

/** Returns whether V8 serializes only the properties of an object. */
function isOrdinary(value: object): boolean {
  return !(
    Array.isArray(value) ||
    ArrayBuffer.isView(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isDate(value) ||
    types.isRegExp(value) ||
    types.isBoxedPrimitive(value)
  )
}

/** Classes of the platform whose instances have state besides their properties. */
const OF_PLATFORM = new Set([
  'AbortController',
  'Blob',
  'CryptoKey',
  'DOMException',
  'Event',
  'EventTarget',
  'FormData',
  'Headers',
  'ReadableStream',
  'Request',
  'Response',
  'TransformStream',
  'URL',
  'URLSearchParams',
  'WritableStream',
])

/** Returns whether a value is an instance of a class of the platform that V8's serializer does not know. */
export function isOfPlatform(value: object): boolean {
  if (types.isProxy(value)) return false
  let prototype: object | null = Object.getPrototypeOf(value)
  // The common case first.
  if (prototype === Object.prototype || prototype === Array.prototype) return false
  if (value instanceof Stream || isWasmModule(value)) return true
  for (; prototype; prototype = Object.getPrototypeOf(prototype)) {
    const type: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
    if (typeof type !== 'function' || !OF_PLATFORM.has(type.name)) continue
    if ((globalThis as unknown as Record<string, unknown>)[type.name] === type) return true
  }
  return false
}

/** Returns whether a value is a WebAssembly module, for which V8 writes nothing at all. */
function isWasmModule(value: object): boolean {
  // Node's types lack it, and so does a Node.js without a JIT compiler.
  const { WebAssembly } = globalThis as { WebAssembly?: { Module: new () => object } }
  return WebAssembly !== undefined && value instanceof WebAssembly.Module
}

/** Returns whether the cause of an error leads back to the error. */
function isInOwnCause(error: Error): boolean {
  const cause: unknown = Object.getOwnPropertyDescriptor(error, 'cause')?.value
  return search(cause, '', ({ value }) => (value === error ? 'itself' : undefined)).culprit !== undefined
}

let readsRings: boolean | undefined

/** Returns whether V8 reads an error that is part of its own cause. The V8 of Node 20 does not. */
function ringsAreRead(): boolean {
  if (readsRings !== undefined) return readsRings
  const error = new Error()
  error.cause = error
  try {
    deserialize(serialize(error))
    readsRings = true
  } catch {
    readsRings = false
  }
  return readsRings
}

function canTravel(value: unknown): boolean {
  try {
    serialize(value)
    return true
  } catch {
    return false
  }
}

function inWords(value: unknown): string {
  const name = constructorOf(value)
  if (name && name !== 'Object') return `an instance of ${name}`
  const [, tag] = TAG.exec(Object.prototype.toString.call(value)) ?? []
  return tag === 'Object' ? 'an object that cannot be read' : `an object (${tag})`
}

const TAG = /^\[object (.*)\]$/

function constructorOf(value: unknown): string | undefined {
  try {
    return (value as object | null)?.constructor?.name
  } catch {
    return undefined
  }
}

calledInClones(isOfPlatform, isWasmModule, isBase)
