import { Buffer } from 'node:buffer'
import type { Luggage, Note, Whereabouts } from './note.js'

type Fields = Record<string, unknown>

/**
Parses a message between the parent and a reader. A reader runs user code, which may have found the socket: no message
can end the parent.

@returns undefined if the message is malformed.
*/
export function parseNote(message: Uint8Array): Note | undefined {
  const fields = fieldsOf(message)
  if (!fields) return undefined
  const { take, retire, hurry, took, open, missed, updates } = fields
  if (isCount(take) && isFields(fields.with)) return { take, with: luggageOf(fields.with) }
  if (isDuration(retire)) return { retire }
  if (hurry === 'rest' || hurry === 'half') return { hurry }
  if (Array.isArray(took) && took.every(isCount) && isCount(open)) {
    return { took, open, retired: fields.retired === true }
  }
  if (isCount(missed)) return { missed }
  if (isFields(fields.back) && isCount(updates)) return { back: luggageOf(fields.back), updates }
  if (isFields(fields.forward)) return { forward: whereaboutsOf(fields.forward) }
  return undefined
}

function fieldsOf(message: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(message).toString())
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Omits `seen`, which the parent knows better. */
function luggageOf({ state, idleUntil, answered, unread, wroteAt, asks }: Fields): Luggage {
  return {
    ...(typeof state === 'string' && { state }),
    ...(isTime(idleUntil) && { idleUntil }),
    ...(answered === true && { answered }),
    ...(isCount(unread) && { unread }),
    ...(isTime(wroteAt) && { wroteAt }),
    ...(asks === true && { asks }),
  }
}

function whereaboutsOf(fields: Fields): Whereabouts {
  return {
    ...textIn(fields, 'remoteAddress'),
    ...textIn(fields, 'remoteFamily'),
    ...textIn(fields, 'localAddress'),
    ...portIn(fields, 'remotePort'),
    ...portIn(fields, 'localPort'),
    encrypted: fields.encrypted === true,
    changes: fields.changes === true,
  }
}

function textIn<N extends string>(fields: Fields, name: N): { [name in N]?: string } {
  const value = fields[name]
  return (typeof value === 'string' ? { [name]: value } : {}) as { [name in N]?: string }
}

function portIn<N extends string>(fields: Fields, name: N): { [name in N]?: number } {
  const value = fields[name]
  return (isCount(value) ? { [name]: value } : {}) as { [name in N]?: number }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Milliseconds that a timer can wait. */
function isDuration(value: unknown): value is number {
  return isTime(value) && value < 2 ** 31
}

/** Milliseconds since the process started. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Number.MAX_SAFE_INTEGER
}
