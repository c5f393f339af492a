import { types } from 'node:util'
import { setImmediate, uptimeMs } from '../node-internals/clock.js'
import { type Expectations, expectEach, expectMilliseconds, withDefaults } from '../options/validate.js'

/** Options of {@link warm}. */
export interface WarmOptions {
  /** Maximum time in milliseconds that one part of the work may block the event loop. Default: 2. */
  budgetMs?: number
}

/** Result of {@link warm}. */
export interface Warmed {
  /** Number of strings prepared. */
  readonly strings: number
  /** Number of objects visited, including arrays, Maps and Sets. */
  readonly objects: number
}

const EXPECT: Expectations<WarmOptions> = { budgetMs: expectMilliseconds }
const DEFAULTS: Required<WarmOptions> = { budgetMs: 2 }

/**
Prepares all strings within `value` for use in clones, in short parts between which the event loop runs.

V8 writes to a string when it is first used as a key of a `Map` or `Set`, and when it is first read after concatenation
with `+`. A clone copies each page it writes to. This function makes V8 write once, in the parent.

Visits the elements of arrays, Maps and Sets, and the properties of other objects. Does not call getters, and does not
look into proxies or at the variables of functions. Call it again for strings added later. Call it before the first
clone is made: while clones are alive, the pages it writes to are copied.

@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.
@example
```ts
import { warm } from 'node-qclone'

const table = Array.from({ length: 1000 }, (_, id) => ({ id, name: `n${id}` }))
const { strings } = await warm(table)
console.log(strings) // 1000
```
*/
export async function warm(value: unknown, options: WarmOptions = {}): Promise<Warmed> {
  expectEach(options, EXPECT)
  const { budgetMs } = withDefaults(options, DEFAULTS)
  const walk = new Walk(value)
  for (;;) {
    const end = uptimeMs() + budgetMs * SHARE_OF_BUDGET
    do {
      if (!walk.goOn()) return { strings: walk.strings, objects: walk.objects }
    } while (uptimeMs() < end)
    await new Promise<void>((resolve) => void setImmediate(resolve))
  }
}

/** Each part of the work ends early, since V8 may have to collect garbage in it. */
const SHARE_OF_BUDGET = 1 / 2

/** Walks a graph of objects, a few values at a time. The graph may change during the walk. */
class Walk {
  strings = 0
  objects = 0
  /** Objects visited or pending, except those that {@link #finish} finishes. */
  readonly #seen = new Seen()
  /** The few objects that have many values. */
  readonly #large = new Seen()
  readonly #pending: unknown[] = []
  readonly #keys = new Set<string>()
  /** Reused, so that the walk leaves little garbage. */
  readonly #fewObjects: object[] = []
  readonly #fewStrings: string[] = []
  /** Result of reading characters, kept so that no compiler optimizes the reads away. */
  #characters = 0

  constructor(value: unknown) {
    this.#pending.push(value)
  }

  /** Visits some more values. @returns `false` when there are no more. */
  goOn(): boolean {
    const value = this.#pending.pop()
    if (Rest.is(value)) this.#continue(value)
    else if (typeof value === 'string') this.#warm(value)
    else if (isWalked(value) && !this.#finish(value) && this.#seen.add(value)) {
      this.objects++
      this.#continue(new Rest(value))
    }
    return this.#pending.length > 0
  }

  #continue(rest: Rest): void {
    const values = rest.next()
    if (values.length === FEW) this.#pending.push(rest)
    for (const value of values) {
      if (typeof value === 'string') this.#warm(value)
      else if (isWalked(value)) this.#pending.push(value)
    }
  }

  /**
  Finishes an object that leads to few objects and strings, as most objects of a table do, so that it need not be
  remembered. Objects with many values are deferred. A cycle leads to more than a few.

  @returns `false`, with nothing finished, if the object leads to more.
  */
  #finish(object: object): boolean {
    const [objects, strings] = [this.#fewObjects, this.#fewStrings]
    objects.length = 0
    strings.length = 0
    objects.push(object)
    let putOff = 0
    for (let i = 0; i < objects.length; i++) {
      if (!this.#collect(objects[i] as object)) putOff++
      if (objects.length > FEW || strings.length > FEW) return false
    }
    this.objects += objects.length - putOff
    for (let i = 0; i < strings.length; i++) this.#warm(strings[i] as string)
    return true
  }

  /**
  Adds the values of an object.

  @returns `false` for an object with many values, which is deferred, and for one that is visited anyway.
  */
  #collect(object: object): boolean {
    if (this.#large.has(object) || this.#seen.has(object)) return false
    if (types.isMap(object) || types.isSet(object)) {
      if (sizeOf(object) > FEW / 2) return this.#putOff(object)
      for (const value of new Rest(object).next()) this.#note(value)
      return true
    }
    const keys = keysOfFew(object)
    if (!keys) return this.#putOff(object)
    for (let i = 0; i < keys.length; i++) this.#note(dataOf(object, keys[i] as PropertyKey))
    return true
  }

  #putOff(object: object): false {
    this.#large.add(object)
    this.objects++
    this.#pending.push(new Rest(object))
    return false
  }

  #note(value: unknown): void {
    if (typeof value === 'string') this.#fewStrings.push(value)
    else if (isWalked(value)) this.#fewObjects.push(value)
  }

  #warm(string: string): void {
    this.strings++
    // Reading a character makes V8 join the string's pieces (`String::Flatten`).
    if (string.length >= SHORTEST_ROPE) this.#characters ^= string.charCodeAt(0)
    // The hash is kept in the string.
    this.#keys.add(string)
    if (this.#keys.size >= MOST_KEYS) this.#keys.clear()
  }
}

/** `ConsString::kMinLength` in V8's `src/objects/string.h`. */
const SHORTEST_ROPE = 13
const MOST_KEYS = 1024
/** Number of objects and strings visited in one go. */
const FEW = 32

/** Values of an object that have not been visited yet. */
class Rest {
  readonly #next: () => IteratorResult<unknown>

  /** Not `instanceof`, which would call a proxy that is a prototype of the value. */
  static is(value: unknown): value is Rest {
    return typeof value === 'object' && value !== null && #next in value
  }

  constructor(object: object) {
    this.#next = valuesOf(object)
  }

  /** Returns up to {@link FEW} values; fewer only at the end. */
  next(): unknown[] {
    const some: unknown[] = []
    while (some.length < FEW) {
      const { done, value } = this.#next()
      if (done) break
      some.push(value)
    }
    return some
  }
}

/** Set of objects. A single `Set` would block for too long when it grows. */
class Seen {
  readonly #sets: Array<Set<object>> = [new Set()]

  has(object: object): boolean {
    return this.#sets.some((set) => set.has(object))
  }

  /** @returns `false` if the object is there already. */
  add(object: object): boolean {
    if (this.has(object)) return false
    if (this.#sets.at(-1)?.size === MOST_IN_A_SET) this.#sets.push(new Set())
    this.#sets.at(-1)?.add(object)
    return true
  }
}

const MOST_IN_A_SET = 2 ** 16

/**
Returns whether a value may lead to strings. Excludes proxies, which would call their owner's code, and module
namespaces, since a binding of a module that has not run yet throws.
*/
function isWalked(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    !ArrayBuffer.isView(value) &&
    !types.isProxy(value) &&
    !types.isModuleNamespaceObject(value)
  )
}

/** Returns the keys of an array or object that has few values, `undefined` for others. */
function keysOfFew(object: object): readonly PropertyKey[] | undefined {
  if (Array.isArray(object)) return INDICES[object.length]
  const keys = Reflect.ownKeys(object)
  return keys.length > FEW ? undefined : keys
}

/** Indices of arrays, by length. */
const INDICES: ReadonlyArray<readonly number[]> = Array.from({ length: FEW + 1 }, (_, length) =>
  Array.from({ length }, (_, index) => index),
)

/** Returns a function that returns one value after another. Calls no iterator that someone may have replaced. */
function valuesOf(object: object): () => IteratorResult<unknown> {
  if (types.isMap(object)) {
    const entries = mapEntries.call(object)
    let second: IteratorResult<unknown> | undefined
    return () => {
      const value = second
      second = undefined
      if (value) return value
      const entry = nextEntry.call(entries)
      if (entry.done) return DONE
      second = { value: entry.value[1] }
      return { value: entry.value[0] }
    }
  }
  if (types.isSet(object)) {
    const values = setValues.call(object)
    return () => nextValue.call(values)
  }
  const keys = Array.isArray(object) ? undefined : Reflect.ownKeys(object)
  let index = 0
  return () => {
    // An array may grow during the walk.
    if (index >= (keys ?? (object as unknown[])).length) return DONE
    const key = keys?.[index] ?? index
    index++
    return { value: dataOf(object, key) }
  }
}

/**
Returns the value of a property, `undefined` for one with a getter. The stack of an error counts as a getter: V8
composes it on access, with the user's code if there is any.
*/
function dataOf(object: object, key: PropertyKey): unknown {
  if (key === 'stack' && types.isNativeError(object)) return undefined
  return Reflect.getOwnPropertyDescriptor(object, key)?.value
}

function sizeOf(object: object): number {
  return (types.isMap(object) ? mapSize : setSize).call(object) as number
}

const DONE: IteratorResult<unknown> = { done: true, value: undefined }
const mapEntries = Map.prototype.entries
const nextEntry = new Map<unknown, unknown>().entries().next
const setValues = Set.prototype.values
const mapSize = getterOf(Map.prototype, 'size')
const setSize = getterOf(Set.prototype, 'size')
const nextValue = new Set<unknown>().values().next

function getterOf(prototype: object, key: string): () => unknown {
  return Reflect.getOwnPropertyDescriptor(prototype, key)?.get as () => unknown
}
