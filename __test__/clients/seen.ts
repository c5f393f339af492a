import { createHash } from 'node:crypto'

/** What was seen, by name: text, so that it can be compared and shown. */
export type Facts = Record<string, string>

/** What a client saw of one case. */
export interface Seen {
  /** The case, in the same words each time. */
  readonly what: string
  /** How many requests the app itself answers. */
  readonly requests: number
  readonly facts: Facts
  /** What some of the facts must be, whoever answers. */
  readonly expected: Facts
  /** Whether a clone may answer with `Connection: close` where its parent keeps the connection. */
  readonly mayClose: boolean
}

const SHOWN_BYTES = 200

/** Bytes as a fact: short text itself, else a digest. */
export function inWords(bytes: Buffer | string): string {
  const text = bytes.toString('latin1')
  if (text.length <= SHOWN_BYTES && /^[\t\r\n -~]*$/.test(text)) return JSON.stringify(text)
  return `${text.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`
}

/** The head of a reply, without the time. */
export function undated(head: string): string {
  return head.replace(/^(date: ).*$/im, '$1…')
}

/** Awaits `act`, a case: what it fails with is a fact, and so is that it takes too long. */
export async function see(
  seen: Omit<Seen, 'facts'>,
  limitMs: number,
  act: (signal: AbortSignal) => Promise<Facts>,
): Promise<Seen> {
  const limit = AbortSignal.timeout(limitMs)
  const late = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(new Error(`no end after ${limitMs / 1000} s`)))
  })
  late.catch(() => {})
  try {
    return { ...seen, facts: await Promise.race([act(limit), late]) }
  } catch (error) {
    return { ...seen, facts: { failure: (error as Error).message } }
  }
}
