import { query } from './query.js'

/** Which moment it is, and whether all of it is of that moment. */
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
    about: 'counts everything again, and compares it with the running totals',
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
    about: 'which process answers, and from which moment',
    params: {},
    answer: ({ snapshot }) => ({ ...snapshot }),
  }),
]
