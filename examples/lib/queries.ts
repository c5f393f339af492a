import { entry } from './group.js'
import type { FlightTable } from './table.js'

const TOP = 10
/** Routes with fewer flights are left out, as their p95 means little. */
const MIN_FLIGHTS = 30
const HOURS_PER_DAY = 24
const MINUTES_PER_HOUR = 60

export interface Route {
  origin: string
  destination: string
  flights: number
  meanDelay: number
  p95Delay: number
}

export interface BusyHour {
  origin: string
  hour: number
  flights: number
  miles: number
}

export interface Answer {
  /** Version of the table that the query saw. */
  version: number
  /** Depends on data that updates change. */
  worstRoutes: Route[]
  /** Depends only on data that updates do not change, so it is the same at every version. */
  busiestHours: BusyHour[]
  /** Running totals that do not match the data the query saw. */
  inconsistencies: string[]
}

/** The long query. It is synchronous, so in process it blocks everything else. */
export function analyse(table: FlightTable): Answer {
  return {
    version: table.version,
    worstRoutes: worstRoutes(table),
    busiestHours: busiestHours(table),
    inconsistencies: table.inconsistencies(),
  }
}

/** Routes with the longest delays, by the 95th percentile. */
export function worstRoutes(table: FlightTable, top = TOP): Route[] {
  const delays = new Map<string, Map<string, number[]>>()
  for (const { origin, destination, delay } of table.flights) {
    const routes = entry(delays, origin, noRoutes)
    entry(routes, destination, noDelays).push(delay)
  }

  const found: Route[] = []
  for (const [origin, routes] of delays) {
    for (const [destination, values] of routes) {
      if (values.length >= MIN_FLIGHTS) found.push(routeOf(origin, destination, values))
    }
  }
  return found.sort((a, b) => b.p95Delay - a.p95Delay || b.meanDelay - a.meanDelay).slice(0, top)
}

function noRoutes(): Map<string, number[]> {
  return new Map()
}

function noDelays(): number[] {
  return []
}

function routeOf(origin: string, destination: string, values: readonly number[]): Route {
  const sorted = Float64Array.from(values).sort()
  const sum = sorted.reduce((total, value) => total + value, 0)
  const p95Delay = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0
  return { origin, destination, flights: sorted.length, meanDelay: sum / sorted.length, p95Delay }
}

/** Busiest hours of the day at any airport, over all days. */
export function busiestHours(table: FlightTable, top = TOP): BusyHour[] {
  const days = new Map<string, BusyHour[]>()
  for (const { origin, minute, distance } of table.flights) {
    const hour = entry(days, origin, emptyDay)[Math.floor(minute / MINUTES_PER_HOUR) % HOURS_PER_DAY]
    if (hour === undefined) continue
    hour.flights += 1
    hour.miles += distance
  }
  return [...days.values()]
    .flat()
    .sort((a, b) => b.flights - a.flights || b.miles - a.miles)
    .slice(0, top)
}

function emptyDay(origin: string): BusyHour[] {
  return Array.from({ length: HOURS_PER_DAY }, (_, hour) => ({ origin, hour, flights: 0, miles: 0 }))
}
