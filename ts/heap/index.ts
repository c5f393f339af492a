/**
Lays the heap of V8 together, on huge pages where the system has them, so that clones cost next to nothing.

Importing this module turns it on permanently, for the whole process. Import it first: memory that V8 has already
allocated stays as it is.

@example
```js
// node --import node-qclone/heap app.js
import { heapStatus } from 'node-qclone/heap'

console.log(heapStatus().mode)
```

@module
*/
import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import type { HeapMode, NativeHeapStatus } from '../../binding.cjs'
import { native } from '../native.js'
import { process } from '../node-internals/process.js'

const MODES = ['huge', 'dense', 'off']
const UPKEEP = ['unshared', 'all', 'off']

/** Length of an array of 8 KiB. */
const WORDS = 1024
/** Number of arrays that fill a chunk. */
const ARRAYS_AT_ONCE = 32
/** Maximum number of arrays, more than the young generation holds. */
const MOST_ARRAYS = 64 * ARRAYS_AT_ONCE * 4

/** Layout of V8's heap in memory. */
export interface HeapStatus {
  /**
  - `huge`: together, on huge pages as far as the system has any.
  - `dense`: together, on small pages.
  - `off`: as V8 lays it.
  */
  readonly mode: 'huge' | 'dense' | 'off'

  /** Reason the mode is not `huge`. */
  readonly reason?: string

  /** Memory of this process in huge pages, in bytes. */
  readonly hugeBytes: number

  /** Number of mappings of this process. A heap of 1 GB has some 4,000 when the mode is `off`. */
  readonly mappings: number
}

/**
Describes V8's heap as it is now. Slow: it walks all pages of the process, which takes some 10 ms per gigabyte of small
pages.

@example
```js
import { heapStatus } from 'node-qclone/heap'

const { mode, reason } = heapStatus()
if (mode !== 'huge') console.warn(`clones will be slower than they could be: ${reason}`)
```
*/
export function heapStatus(): HeapStatus {
  const { mode, reason } = state()
  const layout = { hugeBytes: hugeBytes(), mappings: mappings() }
  return reason === undefined ? { mode, ...layout } : { mode, reason, ...layout }
}

function state(): Pick<NativeHeapStatus, 'reason'> & { mode: HeapStatus['mode'] } {
  if (typeof installed === 'string') return { mode: 'off', reason: installed }
  const { mode, reason } = installed.heapStatus()
  return { mode: mode as `${HeapMode}`, ...(reason !== undefined && { reason }) }
}

function hugeBytes(): number {
  const kib = /^AnonHugePages: *(\d+) kB$/m.exec(read('/proc/self/smaps_rollup'))?.[1] ?? 0
  return Number(kib) * 1024
}

function mappings(): number {
  return read('/proc/self/maps').split('\n').length - 1
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Not accessible to this process, or the system is not Linux.
    return ''
  }
}

/** The native part, or the reason there is none. */
const installed = install()

function install(): ReturnType<typeof native> | string {
  const { QCLONE_HEAP: wanted = 'huge', QCLONE_HEAP_UPKEEP: upkeep = 'unshared' } = process.env
  if (wanted === 'off') return 'QCLONE_HEAP is `off`'
  const wrong = oneOf('QCLONE_HEAP', wanted, MODES) ?? oneOf('QCLONE_HEAP_UPKEEP', upkeep, UPKEEP)
  if (wrong) return wrong
  try {
    const binding = native()
    const { mode, asked } = binding.installHeap(wanted as HeapMode)
    if ((mode as string) !== 'off' && asked === 0 && !seesNextChunk(binding)) binding.giveUpHeap()
    if ((binding.heapStatus().mode as string) === 'huge' && isMainThread && upkeep !== 'off') {
      binding.startHeapUpkeep(upkeep === 'all')
    }
    return binding
  } catch (error) {
    return (error as Error).message
  }
}

/** Returns what is wrong with the value of an environment variable. */
function oneOf(name: string, value: string, known: readonly string[]): string | undefined {
  if (known.includes(value)) return undefined
  return `Expected ${name} to be ${known.join(', ').replace(/, (\w+)$/, ' or $1')}, got \`${value}\``
}

/** Returns whether V8 asks for the next chunk that it needs, which is for small objects that stay. */
function seesNextChunk(binding: { heapStatus(): NativeHeapStatus }): boolean {
  const kept: number[][] = []
  while (kept.length < MOST_ARRAYS) {
    kept.push(new Array<number>(WORDS).fill(0.5))
    if (kept.length % ARRAYS_AT_ONCE === 0 && binding.heapStatus().asked > 0) return true
  }
  return false
}
