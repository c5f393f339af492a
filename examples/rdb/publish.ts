import type { FlightTable } from '../lib/table.js'
import type { Database } from './database.js'
import { QueryError } from './errors.js'
import { readTime, readWhole } from './values.js'

type Row = Record<string, unknown>

/** Accepts rows for a table. Validates all of them before it writes any. */
interface Target {
  readonly columns: readonly string[]
  upsert(flights: FlightTable, rows: readonly Row[]): void
}

const NAMES: readonly unknown[] = ['upd', '.u.upd']
const MAX_MINUTES = 100_000
const MAX_DISTANCE = 30_000
const MOST_NAME_LENGTH = 16
const MOST_FLIGHTS = 10_000_000
const MS_PER_MINUTE = 60_000

const TARGETS: Record<string, Target> = {
  /** New delays of flights, by number. */
  delays: {
    columns: ['flight', 'delay'],
    upsert: (table, rows) => {
      const changes = rows.map((row) => ({
        flight: table.flights[readWhole('flight', row.flight, 0, table.flights.length - 1)],
        delay: delayOf(row),
      }))
      for (const { flight, delay } of changes) if (flight) table.setDelay(flight, delay)
    },
  },
  /** New flights. */
  flights: {
    columns: ['date', 'origin', 'destination', 'distance', 'delay'],
    upsert: (table, rows) => {
      if (table.flights.length + rows.length > MOST_FLIGHTS) {
        throw new QueryError(`Expected at most ${MOST_FLIGHTS} flights`)
      }
      const flights = rows.map((row) => ({
        minute: Math.floor(readTime('date', row.date) / MS_PER_MINUTE),
        distance: readWhole('distance', row.distance, 0, MAX_DISTANCE),
        origin: airportOf('origin', row.origin),
        destination: airportOf('destination', row.destination),
        delay: delayOf(row),
        revisions: 0,
      }))
      for (const flight of flights) table.insert(flight)
    },
  },
}

/** Runs in the parent: applies a message `(upd; table; rows)` of a feed, completely or not at all. Never throws. */
export function publish(database: Database, message: unknown): void {
  const at = Date.now()
  let table: string | null = null
  try {
    const [verb, name, data] = Array.isArray(message) ? message : []
    if (!NAMES.includes(verb)) throw new QueryError('Expected an update to be (upd; table; rows)')
    const target = typeof name === 'string' && Object.hasOwn(TARGETS, name) ? TARGETS[name] : undefined
    if (!target) {
      throw new QueryError(`Expected a table to publish to (${Object.keys(TARGETS).join(', ')})`)
    }
    table = name
    const rows = rowsOf(data, target.columns)
    target.upsert(database.flights, rows)
    database.publications.add({ at, table, rows: rows.length, trouble: null })
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    database.publications.add({ at, table, rows: 0, trouble: error.message })
  }
}

/** Accepts a table, records, one record, columns in order, or the values of one row in order. */
function rowsOf(data: unknown, columns: readonly string[]): Row[] {
  if (isList(data)) {
    const items = [...data]
    if (items.every(isRecord)) return items
    if (items.length !== columns.length) throw new QueryError(`Expected the columns ${columns.join(', ')}`)
    const lists = items.map((item) => (isList(item) ? [...item] : [item]))
    const length = lists[0]?.length ?? 0
    if (lists.some((list) => list.length !== length)) throw new QueryError('Expected columns of one length')
    return Array.from({ length }, (_, i) =>
      Object.fromEntries(columns.map((name, column) => [name, lists[column]?.[i]])),
    )
  }
  if (isRecord(data)) return [data]
  throw new QueryError(`Expected rows with ${columns.join(', ')}`)
}

function isList(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && !(value instanceof Map)
}

function isRecord(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Date)
}

function delayOf({ delay }: Row): number {
  return readWhole('delay', delay, -MAX_MINUTES, MAX_MINUTES)
}

function airportOf(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length >= 1 && value.length <= MOST_NAME_LENGTH) return value
  throw new QueryError(`Expected ${name} to be a name of 1 to ${MOST_NAME_LENGTH} characters`)
}
