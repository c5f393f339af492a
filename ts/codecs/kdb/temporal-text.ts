import { DAY_MS, EPOCH_MS, type QTemporalType } from './types.js'

const DAY_NS = BigInt(DAY_MS) * 1_000_000n
/** Suffixes of q's words for null and infinity. */
const LETTERS: Record<QTemporalType, string> = {
  timestamp: 'p',
  month: 'm',
  date: 'd',
  datetime: 'z',
  timespan: 'n',
  minute: 'u',
  second: 'v',
  time: 't',
}

/** The part of `QTemporal` that its text depends on. */
interface Temporal {
  readonly type: QTemporalType
  readonly count: bigint | number
  readonly isNull: boolean
  readonly isInfinite: boolean
}

/** Formats a temporal as text. */
export function inWords(temporal: Temporal): string {
  const { type, count } = temporal
  if (temporal.isNull) return `0N${LETTERS[type]}`
  if (temporal.isInfinite) return `${count < 0 ? '-' : ''}0W${LETTERS[type]}`
  if (typeof count === 'bigint') return type === 'timestamp' ? timestamp(count) : timespan(count)
  if (type === 'month') return `${year(2000 + Math.floor(count / 12))}-${two(modulo(count, 12) + 1)}`
  if (type === 'date') return dateOf(count)
  if (type === 'datetime') return isoOf(EPOCH_MS + Math.round(count * DAY_MS))
  return signed(count, (length) => clock(type, length))
}

function timestamp(count: bigint): string {
  const days = Number(count / DAY_NS) - (count % DAY_NS < 0n ? 1 : 0)
  return `${dateOf(days)}T${nanoseconds(count - BigInt(days) * DAY_NS)}Z`
}

function timespan(count: bigint): string {
  const length = count < 0n ? -count : count
  return `${count < 0n ? '-' : ''}${length / DAY_NS}D${nanoseconds(length % DAY_NS)}`
}

/** Formats a time of less than a day. */
function nanoseconds(count: bigint): string {
  const seconds = Number(count / 1_000_000_000n)
  return `${clock('second', seconds)}.${String(count % 1_000_000_000n).padStart(9, '0')}`
}

function clock(type: QTemporalType, count: number): string {
  if (type === 'minute') return `${two(Math.floor(count / 60))}:${two(count % 60)}`
  if (type === 'second') return `${clock('minute', Math.floor(count / 60))}:${two(count % 60)}`
  return `${clock('second', Math.floor(count / 1000))}.${String(count % 1000).padStart(3, '0')}`
}

function signed(count: number, text: (length: number) => string): string {
  return count < 0 ? `-${text(-count)}` : text(count)
}

function dateOf(days: number): string {
  return isoOf(EPOCH_MS + days * DAY_MS).slice(0, -'T00:00:00.000Z'.length)
}

/** Formats a time as ISO 8601. Days beyond the range of Date are shown as a number. */
function isoOf(ms: number): string {
  const date = new Date(ms)
  if (!Number.isNaN(date.getTime())) return date.toISOString()
  const days = Math.floor((ms - EPOCH_MS) / DAY_MS)
  return `2000-01-01${days < 0 ? '-' : '+'}${Math.abs(days)}dT00:00:00.000Z`
}

function year(count: number): string {
  return count >= 0 && count <= 9999 ? String(count).padStart(4, '0') : signedYear(count)
}

/** Formats a year of more than four digits, which ISO 8601 writes with six digits and a sign. */
function signedYear(count: number): string {
  return `${count < 0 ? '-' : '+'}${String(Math.abs(count)).padStart(6, '0')}`
}

function two(count: number): string {
  return String(count).padStart(2, '0')
}

function modulo(count: number, by: number): number {
  return ((count % by) + by) % by
}
