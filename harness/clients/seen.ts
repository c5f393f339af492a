import { createHash } from 'node:crypto'

/** Observations by name, as text, so that they can be compared and shown. */
export type Facts = Record<string, string>

/** Observations of one case. */
export interface Seen {
  /** Name of the case, the same each time. */
  readonly what: string
  /** Number of requests that the app itself answers. */
  readonly requests: number
  readonly facts: Facts
  /** Expected values of some facts, with or without clones. */
  readonly expected: Facts
  /** Whether a clone may answer with `Connection: close` where its parent keeps the connection. */
  readonly mayClose: boolean
}

const SHOWN_BYTES = 200

/** Shows bytes as a fact: short text literally, anything else as a digest. */
export function inWords(bytes: Buffer | string): string {
  const text = bytes.toString('latin1')
  if (text.length <= SHOWN_BYTES && /^[\t\r\n -~]*$/.test(text)) return JSON.stringify(text)
  return `${text.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`
}

/** Head of a reply without the date. */
export function undated(head: string): string {
  return head.replace(/^(date: ).*$/im, '$1…')
}

/** Runs the case `act`. An error or a timeout becomes a fact. */
export async function see(
  seen: Omit<Seen, 'facts'>,
  limitMs: number,
  act: (signal: AbortSignal) => Promise<Facts>,
): Promise<Seen> {
  const limit = AbortSignal.timeout(limitMs)
  const late = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(new Error(`not finished after ${limitMs / 1000} s`)))
  })
  late.catch(() => {})
  try {
    return { ...seen, facts: await Promise.race([act(limit), late]) }
  } catch (error) {
    return { ...seen, facts: { failure: (error as Error).message } }
  }
}
