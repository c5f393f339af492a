import type { Flight, FlightTable, Totals } from '../lib/table.js'
import type { CloneEntry, Publication } from './entries.js'
import { Log } from './log.js'
import { Relation } from './relation.js'

const MS_PER_MINUTE = 60_000
const MOST_ENTRIES = 500

/** Identifies the snapshot that a process sees. */
export interface Snapshot {
  readonly pid: number
  /** Time of the fork; in the parent, the current time. */
  readonly at: Date
  /** Number of updates so far. */
  readonly version: number
}

/** Everything the process keeps in memory. A clone has it as it was at the fork. */
export class Database {
  readonly flights: FlightTable
  readonly clones = new Log<CloneEntry>(MOST_ENTRIES)
  readonly publications = new Log<Publication>(MOST_ENTRIES)
  readonly relations: ReadonlyMap<string, Relation>
  #forkedAt: Date | undefined

  constructor(flights: FlightTable) {
    this.flights = flights
    const relations = [
      flightsOf(flights),
      airportsOf(flights),
      clonesIn(this.clones),
      publicationsIn(this.publications),
    ] as Relation[]
    this.relations = new Map(relations.map((relation) => [relation.name, relation]))
  }

  get snapshot(): Snapshot {
    return { pid: process.pid, at: this.#forkedAt ?? new Date(), version: this.flights.version }
  }

  /** Called in a clone, which receives no more updates. */
  freeze(): void {
    this.#forkedAt = new Date()
  }
}

function flightsOf(flights: FlightTable) {
  return new Relation<Flight>({
    name: 'flights',
    about: 'US flights, with continuously updated delays',
    items: () => flights.flights,
    fields: [
      { name: 'flight', type: 'long', of: (_, index) => index },
      { name: 'date', type: 'timestamp', of: ({ minute }) => minute * MS_PER_MINUTE },
      { name: 'origin', type: 'symbol', of: ({ origin }) => origin },
      { name: 'destination', type: 'symbol', of: ({ destination }) => destination },
      { name: 'distance', type: 'long', of: ({ distance }) => distance },
      { name: 'delay', type: 'long', of: ({ delay }) => delay },
      { name: 'revisions', type: 'long', of: ({ revisions }) => revisions },
    ],
  })
}

function airportsOf({ byOrigin }: FlightTable) {
  return new Relation<[string, Totals]>({
    name: 'airports',
    about: 'running totals by origin, kept by every update',
    items: () => [...byOrigin],
    fields: [
      { name: 'airport', type: 'symbol', of: ([name]) => name },
      { name: 'flights', type: 'long', of: ([, totals]) => totals.flights },
      { name: 'delay', type: 'long', of: ([, totals]) => totals.delay },
      { name: 'mean', type: 'float', of: ([, totals]) => totals.delay / totals.flights },
      { name: 'revisions', type: 'long', of: ([, totals]) => totals.revisions },
    ],
  })
}

function clonesIn(log: Log<CloneEntry>) {
  return new Relation<CloneEntry>({
    name: 'clones',
    about: 'the latest clones of this process, newest first',
    items: () => log.entries,
    fields: [
      { name: 'time', type: 'timestamp', of: ({ at }) => at },
      { name: 'pid', type: 'long', of: ({ pid }) => pid },
      { name: 'kind', type: 'symbol', of: ({ kind }) => kind },
      { name: 'name', type: 'text', of: ({ name }) => name },
      { name: 'stallMs', type: 'float', of: ({ stallMs }) => stallMs },
      { name: 'livedMs', type: 'long', of: ({ livedMs }) => livedMs },
      { name: 'ending', type: 'symbol', of: ({ ending }) => ending },
    ],
  })
}

function publicationsIn(log: Log<Publication>) {
  return new Relation<Publication>({
    name: 'publications',
    about: 'the latest messages of feeds, newest first',
    items: () => log.entries,
    fields: [
      { name: 'time', type: 'timestamp', of: ({ at }) => at },
      { name: 'table', type: 'symbol', of: ({ table }) => table },
      { name: 'rows', type: 'long', of: ({ rows }) => rows },
      { name: 'trouble', type: 'text', of: ({ trouble }) => trouble },
    ],
  })
}
