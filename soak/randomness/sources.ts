import * as crypto from 'node:crypto'
import {
  generateKeySync,
  getRandomValues,
  randomBytes,
  randomFillSync,
  randomInt,
  randomUUID,
} from 'node:crypto'
import { type Context, createContext, runInContext } from 'node:vm'

/** Source of random values. */
export interface Source {
  readonly name: string
  /** Binary logarithm of the number of possible values. */
  readonly bits: number
  /** Bytes of a draw in a record. */
  readonly bytes: number
  /** Whether a repeated value fails the program or is only reported. */
  readonly judged: boolean
  /** Draws once, and records it. */
  readonly draw: (record: Buffer, at: number) => void
}

/**
Whether contexts of `vm` are judged. V8 seeds a new context from a generator of the isolate. A clone shares that
generator with its parent and siblings, as it shares the generators of existing contexts: see docs/fork-safety.md.
*/
export const CONTEXTS_JUDGED = false

/** Reference to Math.random that a module took before the fork. */
const { random: savedRandom } = Math

/** Math.random of a `vm` context that existed before the fork. */
const elderRandom = randomOf(createContext())

/** V8 gives 52 bits, later versions 53. */
const DOUBLE_BITS = 52
const DOUBLE_BYTES = 8
const UUID_BITS = 122
const UUID_BYTES = 16
const WIDE_BYTES = 16
const WIDE_BITS = 8 * WIDE_BYTES
/** Largest range of crypto.randomInt. */
const INT_LIMIT = 2 ** 48 - 1

/** In the order of drawing: the first context is created before a clone's first Math.random. */
export const SOURCES: readonly Source[] = [
  double('vm context, made before Math.random is called', () => randomOfOwn('first'), CONTEXTS_JUDGED),
  double('Math.random', () => Math.random),
  double('vm context, made after', () => randomOfOwn('second'), CONTEXTS_JUDGED),
  double('Math.random, saved before the fork', () => savedRandom),
  double('vm context of the parent', () => elderRandom, CONTEXTS_JUDGED),
  uuid('crypto.randomUUID', () => randomUUID()),
  uuid('webcrypto.randomUUID', () => globalThis.crypto.randomUUID()),
  ...sinceNode24(),
  {
    name: 'crypto.randomInt',
    bits: 48,
    bytes: DOUBLE_BYTES,
    judged: true,
    draw: (record, at) => record.writeDoubleLE(randomInt(INT_LIMIT), at),
  },
  {
    // Too few possible values to count repeats, so only the order of values is judged.
    name: 'crypto.randomInt(256)',
    bits: 8,
    bytes: 1,
    judged: true,
    draw: (record, at) => record.writeUInt8(randomInt(256), at),
  },
  wide('crypto.randomBytes', (record, at) => randomBytes(WIDE_BYTES).copy(record, at)),
  wide('crypto.randomFillSync', (record, at) => randomFillSync(record, at, WIDE_BYTES)),
  wide('crypto.getRandomValues', (record, at) => getRandomValues(record.subarray(at, at + WIDE_BYTES))),
  wide('webcrypto.getRandomValues', (record, at) =>
    globalThis.crypto.getRandomValues(record.subarray(at, at + WIDE_BYTES)),
  ),
  wide('crypto.generateKeySync', (record, at) =>
    generateKeySync('aes', { length: WIDE_BITS }).export().copy(record, at),
  ),
]

/** Sources that use generators of one kind, and so may repeat each other. */
export const FAMILIES: ReadonlyArray<{ name: string; of: readonly Source[] }> = [
  {
    name: 'all of V8 that is judged',
    of: SOURCES.filter(({ bits, judged }) => bits === DOUBLE_BITS && judged),
  },
  { name: 'all UUIDs', of: SOURCES.filter(({ bits }) => bits === UUID_BITS) },
  { name: 'all of 128 bits', of: SOURCES.filter(({ bits }) => bits === WIDE_BITS) },
]

function double(name: string, random: () => () => number, judged = true): Source {
  const draw = (record: Buffer, at: number) => record.writeDoubleLE(random()(), at)
  return { name, bits: DOUBLE_BITS, bytes: DOUBLE_BYTES, judged, draw }
}

function uuid(name: string, draw: () => string): Source {
  return {
    name,
    bits: UUID_BITS,
    bytes: UUID_BYTES,
    judged: true,
    draw: (record, at) => record.write(draw().replaceAll('-', ''), at, 'hex'),
  }
}

/** A UUIDv7 has 74 bits besides the time, some of which may count up. */
function sinceNode24(): Source[] {
  const { randomUUIDv7 } = crypto as { randomUUIDv7?: () => string }
  return randomUUIDv7 ? [{ ...uuid('crypto.randomUUIDv7', randomUUIDv7), bits: 62 }] : []
}

function wide(name: string, draw: (record: Buffer, at: number) => void): Source {
  return { name, bits: WIDE_BITS, bytes: WIDE_BYTES, judged: true, draw }
}

let own: { pid: number; contexts: Partial<Record<'first' | 'second', () => number>> } | undefined

/** Math.random of a context that this process has created. */
function randomOfOwn(which: 'first' | 'second'): () => number {
  if (own?.pid !== process.pid) own = { pid: process.pid, contexts: {} }
  own.contexts[which] ??= randomOf(createContext())
  return own.contexts[which]
}

function randomOf(context: Context): () => number {
  return runInContext('Math.random', context) as () => number
}
