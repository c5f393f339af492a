import { isClone } from 'node-qclone'
import { readPath } from './ask.js'
import { pause } from './http-handler.js'
import { filled } from './token.js'
import { DIED, LEFT, WANTED } from './wanted.js'

const MOST_COUNTED = 10_000
/** Number of updates by client. */
const counts = new Map<string, number>()

/** Counts an update of a client. */
export function onUpdate(value: unknown): void {
  if (typeof value !== 'string') return
  const owner = ownerOf(value)
  counts.set(owner, (counts.get(owner) ?? 0) + 1)
  if (counts.size > MOST_COUNTED) counts.delete(counts.keys().next().value as string)
}

/** Does what a query requests. Any other query is returned as its own answer. */
export function evaluate(query: unknown): unknown {
  const ask = typeof query === 'string' ? readPath(query) : undefined
  if (!ask) return query
  const { act, token, size, wait } = ask
  const text = filled(token, size)
  switch (act) {
    case 'later':
      return pause(wait).then(() => text)
    case 'count':
      return `${token} ${counts.get(ownerOf(token)) ?? 0}`
    case 'throw':
      throw new Error(`${WANTED}: ${token}`)
    case 'reject':
      return pause(wait).then(() => Promise.reject(new Error(`${WANTED}: ${token}`)))
    case 'die':
      if (isClone()) process.kill(process.pid, 'SIGKILL')
      return `${token} ${DIED}`
    case 'exit':
      if (isClone()) process.exit(0)
      return `${token} ${LEFT}`
    case 'never':
      return new Promise(() => {})
    default:
      return text
  }
}

/** Like {@link evaluate}, after a random delay. */
export async function evaluateLate(query: unknown): Promise<unknown> {
  await pause(1 + Math.floor(Math.random() * MOST_LATE_MS))
  return evaluate(query)
}

export const MOST_LATE_MS = 8

function ownerOf(token: string): string {
  return token.slice(0, token.lastIndexOf('.'))
}
