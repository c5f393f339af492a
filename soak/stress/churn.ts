import { readFile } from 'node:fs/promises'
import { isClone } from 'node-qclone'

interface Item {
  id: number
  value: number
  label: string
  tags: number[]
  bytes: Uint8Array | undefined
}

/** State of the parent's memory at one moment. A clone made at that moment must find the same. */
export interface Moment {
  readonly generation: number
  readonly checksum: number
}

/** Approximate size of an item on V8's heap. */
const ITEM_BYTES = 650
/** Enough tags that marking the heap takes a clone less time than its other work. */
const TAGS = 64
const ITEMS_AT_ONCE = 200
const TICK_MS = 2
const INTERVAL_MS = 1
const READ_INTERVAL_MS = 20
/** One in this many items is large: V8 keeps those in a separate space. */
const LARGE_EVERY = 50_000
const LARGE_TAGS = 20_000
/** One in this many items has a buffer: V8 frees those on a separate thread. */
const BYTES_EVERY = 32
const BYTES = 1024

/**
Keeps the parent and V8's threads busy: a live table whose items are replaced continuously, functions that are
compiled and become hot, timers, reads by the thread pool.

None of its callbacks may run in a clone. Those that do are counted as ghosts.
*/
export class Churn {
  ghosts = 0
  replaced = 0
  compiled = 0
  readonly #items: Item[] = []
  #checksum = 0
  #next = 0
  #stopped = false
  #timers: NodeJS.Timeout[] = []

  constructor(heapMb: number) {
    const count = Math.floor((heapMb * 2 ** 20) / ITEM_BYTES)
    for (let id = 0; id < count; id++) this.#put(id, item(id))
  }

  start(file: URL): void {
    this.#timers = [
      setInterval(() => this.#haunt(), INTERVAL_MS),
      setInterval(() => readFile(file).then(() => this.#haunt()), READ_INTERVAL_MS),
    ]
    setImmediate(() => this.#tick())
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
  }

  moment(): Moment {
    return { generation: this.replaced, checksum: this.#checksum }
  }

  /** Computes the state from memory by reading every item. */
  scan(): Moment {
    let checksum = 0
    for (const each of this.#items) checksum = (checksum + worth(each)) | 0
    return { generation: this.replaced, checksum }
  }

  #tick(): void {
    this.#haunt()
    if (this.#stopped) return
    const end = performance.now() + TICK_MS
    this.#compile()
    while (performance.now() < end) {
      for (let i = 0; i < ITEMS_AT_ONCE; i++) {
        // Large stride, so that every page of the heap is touched often.
        this.#next = (this.#next + 7919) % this.#items.length
        this.#put(this.#next, item(this.replaced++))
      }
    }
    setImmediate(() => this.#tick())
  }

  #put(index: number, next: Item): void {
    const previous = this.#items[index]
    this.#checksum = (this.#checksum - (previous ? worth(previous) : 0) + worth(next)) | 0
    this.#items[index] = next
  }

  #compile(): void {
    const factor = ++this.compiled
    const f = new Function(
      'n',
      `let t = ${factor}; for (let i = 0; i < n; i++) t = (t * 31 + i) | 0; return t`,
    )
    for (let i = 0; i < 20; i++) f(500)
  }

  #haunt(): void {
    if (isClone()) this.ghosts++
  }
}

function item(id: number): Item {
  const tags = new Array(id % LARGE_EVERY === 0 ? LARGE_TAGS : TAGS).fill(id)
  const bytes = id % BYTES_EVERY === 0 ? new Uint8Array(BYTES).fill(id) : undefined
  return { id, value: (id * 2654435761) | 0, label: `item ${id}`, tags, bytes }
}

function worth({ id, value, label, tags, bytes }: Item): number {
  return (id ^ value) + label.charCodeAt(label.length - 1) + (tags[3] ?? 0) + (bytes?.[BYTES - 1] ?? 0)
}
