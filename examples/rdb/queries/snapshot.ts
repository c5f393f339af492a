import { query } from './query.js'

/** Queries that identify the snapshot, and check that it is consistent. */
export const checks = [
  query({
    name: 'total',
    about: 'the running totals',
    params: {},
    answer: ({ flights }) => ({
      flights: flights.flights.length,
      delay: flights.totalDelay,
      version: flights.version,
    }),
  }),
  query({
    name: 'check',
    about: 'recounts everything, and compares it with the running totals',
    params: {},
    answer: ({ flights }) => {
      const [trouble, ...more] = flights.inconsistencies()
      const counted = flights.flights.reduce((sum, { delay }) => sum + delay, 0)
      return {
        version: flights.version,
        kept: flights.totalDelay,
        counted,
        troubles: more.length + Number(trouble !== undefined),
        first: trouble ?? null,
      }
    },
  }),
  query({
    name: 'snapshot',
    about: 'the process that answers, and the moment of its snapshot',
    params: {},
    answer: ({ snapshot }) => ({ ...snapshot }),
  }),
]
