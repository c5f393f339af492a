import { setTimeout as delay } from 'node:timers/promises'
import type { Asked } from '../../harness/owned-answers.js'
import type { Random } from '../../harness/random.js'
import type { Tally } from './tally.js'

/** Context that clients of every kind need. */
export interface Scope {
  readonly tally: Tally
  readonly going: () => boolean
}

/** Client of one kind. */
export interface Client {
  readonly kind: string
  /** Unique, also among the connections of one client. */
  readonly id: string
  readonly random: Random
}

/** Maximum time for an answer. */
export const PATIENCE_MS = 20_000
const MOST_LIFE_MS = 6000
const MOST_BYTES = 200_000
const MOST_PAUSE_MS = 30
/** One in this many pauses is as long as several generations. */
const LONG = 60
const MOST_LONG_PAUSE_MS = 1500

/** Returns a function that returns whether to keep using a connection. Connections live for up to a few seconds. */
export function lifetime({ random }: Client, { going }: Scope): () => boolean {
  const end = performance.now() + random.below(MOST_LIFE_MS)
  return () => going() && performance.now() < end
}

/** Client on its connection number `index`. */
export function onConnection(client: Client, index: number): Client {
  return { ...client, id: `${client.id}:${index}` }
}

/** Question with a random answer size: most are short, some exceed the buffers of a connection. */
export function question({ id, random }: Client, nonce: number): Asked {
  return { id, nonce, size: Math.floor((random.uint32() / 2 ** 32) ** 5 * MOST_BYTES) }
}

export function pause(random: Random): Promise<void> {
  return delay(random.oneIn(LONG) ? random.below(MOST_LONG_PAUSE_MS) : random.below(MOST_PAUSE_MS))
}

/** Cuts bytes into pieces of random lengths. */
export function pieces(random: Random, bytes: Buffer): Buffer[] {
  if (random.oneIn(2)) return [bytes]
  const pieces: Buffer[] = []
  const most = 1 + random.below(bytes.length)
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(most)
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}

/** Settles like `promise`, or rejects if it takes too long. */
export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  const abort = new AbortController()
  const late = delay(PATIENCE_MS, undefined, { signal: abort.signal }).then(
    () => {
      throw new Error(`no answer in time: ${what}`)
    },
    // The answer arrived first.
    () => new Promise<never>(() => {}),
  )
  try {
    return await Promise.race([promise, late])
  } finally {
    abort.abort()
  }
}
