import { isReader } from 'node-qclone'

import { busiestHours, worstRoutes } from '../../lib/queries.js'
import { QueryError } from '../errors.js'
import { Rows } from '../rows.js'
import { MOST_ROWS } from './browse.js'
import { name, wholeNumber } from './params.js'
import { query } from './query.js'

const MOST_MINUTES = 10_000

/** Queries about the flights. */
export const analyses = [
  query({
    name: 'busiest',
    about: 'the busiest hours of the day at any airport, over all days',
    params: { n: wholeNumber(1, MOST_ROWS, 10) },
    answer: ({ flights }, { n }) =>
      new Rows(
        [
          { name: 'origin', type: 'symbol' },
          { name: 'hour', type: 'long' },
          { name: 'flights', type: 'long' },
          { name: 'miles', type: 'long' },
        ],
        busiestHours(flights, n).map(({ origin, hour, flights, miles }) => [origin, hour, flights, miles]),
      ),
  }),
  query({
    name: 'worst',
    about: 'the routes with the longest delays, by the 95th percentile',
    params: { n: wholeNumber(1, MOST_ROWS, 10) },
    answer: ({ flights }, { n }) =>
      new Rows(
        [
          { name: 'origin', type: 'symbol' },
          { name: 'destination', type: 'symbol' },
          { name: 'flights', type: 'long' },
          { name: 'mean', type: 'float' },
          { name: 'p95', type: 'long' },
        ],
        worstRoutes(flights, n).map((route) => [
          route.origin,
          route.destination,
          route.flights,
          route.meanDelay,
          route.p95Delay,
        ]),
      ),
  }),
  query({
    name: 'airport',
    about: 'the running totals of an airport',
    params: { origin: name('the name of an airport, such as ATL') },
    answer: ({ flights }, { origin }) => {
      const totals = flights.byOrigin.get(origin)
      if (!totals) throw new QueryError(`There are no flights from ${origin}`)
      return { airport: origin, ...totals }
    },
  }),
  query({
    name: 'whatIf',
    about: 'delays all flights from an airport, in the clone only: a session keeps the change',
    params: {
      origin: name('the name of an airport, such as ATL'),
      minutes: wholeNumber(-MOST_MINUTES, MOST_MINUTES, 10),
    },
    answer: ({ flights }, { origin, minutes }) => {
      // Other clients of the reader would see the change.
      if (isReader()) throw new QueryError('whatIf needs a snapshot of its own: ask it in a session')
      for (const flight of flights.flights) {
        if (flight.origin === origin) flights.setDelay(flight, flight.delay + minutes)
      }
      return { flights: flights.flights.length, delay: flights.totalDelay, version: flights.version }
    },
  }),
]
