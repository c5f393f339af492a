import { Rows } from '../rows.js'
import { name, relation, wholeNumber } from './params.js'
import { query } from './query.js'

/** Maximum number of rows per query. */
export const MOST_ROWS = 10_000
export const SOME_ROWS = 20

const MOST_SKIPPED = 1_000_000_000

/** Queries that show the tables. */
export const browsing = [
  query({
    name: 'tables',
    about: 'all tables, with their number of rows',
    params: {},
    answer: ({ relations }) => {
      const cells = [...relations.values()].map((table) => [table.name, table.count(), table.about])
      return new Rows(
        [
          { name: 'table', type: 'symbol' },
          { name: 'rows', type: 'long' },
          { name: 'about', type: 'text' },
        ],
        cells,
      )
    },
  }),
  query({
    name: 'count',
    about: 'number of rows of a table',
    params: { table: relation },
    answer: (_, { table }) => table.count(),
  }),
  query({
    name: 'meta',
    about: 'the columns of a table, and their types',
    params: { table: relation },
    answer: (_, { table }) =>
      new Rows(
        [
          { name: 'column', type: 'symbol' },
          { name: 'type', type: 'symbol' },
        ],
        table.columns.map((column) => [column.name, column.type]),
      ),
  }),
  query({
    name: 'select',
    about: 'rows of a table, optionally sorted by a column',
    params: {
      table: relation,
      from: wholeNumber(0, MOST_SKIPPED, 0),
      n: wholeNumber(1, MOST_ROWS, SOME_ROWS),
      sort: name('the name of a column, with a leading - for descending order', ''),
    },
    answer: (_, { table, from, n, sort }) => table.page({ from, count: n, sort }),
  }),
]
