import { entry } from './group.js'

/** One flight. All numbers are small integers, which V8 stores in the row itself. */
export interface Flight {
  /** Scheduled departure, in minutes since 1970. */
  readonly minute: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
  delay: number
  /** Number of times that `delay` was updated. */
  revisions: number
}

/** Running totals that every update maintains. A snapshot from the middle of an update would break them. */
export interface Totals {
  flights: number
  delay: number
  revisions: number
}

export class FlightTable {
  readonly flights: Flight[] = []
  readonly byOrigin = new Map<string, Totals>()
  totalDelay = 0
  /** Number of updates so far. */
  version = 0

  insert(flight: Flight): void {
    const origin = entry(this.byOrigin, flight.origin, noTotals)
    this.flights.push(flight)
    origin.flights += 1
    origin.delay += flight.delay
    origin.revisions += flight.revisions
    this.totalDelay += flight.delay
    this.version += flight.revisions
  }

  /** Applies one update: six writes that belong together. */
  setDelay(flight: Flight, delay: number): void {
    const origin = entry(this.byOrigin, flight.origin, noTotals)
    const change = delay - flight.delay
    flight.delay = delay
    flight.revisions += 1
    origin.delay += change
    origin.revisions += 1
    this.totalDelay += change
    this.version += 1
  }

  /** Recounts everything, and describes where the running totals differ; empty if they all match. */
  inconsistencies(): string[] {
    const counted = new Map<string, Totals>()
    let delay = 0
    let revisions = 0
    for (const flight of this.flights) {
      const origin = entry(counted, flight.origin, noTotals)
      origin.flights += 1
      origin.delay += flight.delay
      origin.revisions += flight.revisions
      delay += flight.delay
      revisions += flight.revisions
    }

    const found: string[] = []
    compare(found, 'delay of all flights', this.totalDelay, delay)
    compare(found, 'version', this.version, revisions)
    compare(found, 'origins', this.byOrigin.size, counted.size)
    for (const [name, totals] of counted) {
      const kept = this.byOrigin.get(name)
      compare(found, `flights from ${name}`, kept?.flights, totals.flights)
      compare(found, `delay from ${name}`, kept?.delay, totals.delay)
      compare(found, `revisions from ${name}`, kept?.revisions, totals.revisions)
    }
    return found
  }
}

function noTotals(): Totals {
  return { flights: 0, delay: 0, revisions: 0 }
}

function compare(found: string[], what: string, kept: number | undefined, counted: number): void {
  if (kept !== counted) found.push(`${what}: kept ${kept}, counted ${counted}`)
}
