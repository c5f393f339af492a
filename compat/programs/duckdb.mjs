// package: @duckdb/node-api
// parent: sums a table in memory
import assert from 'node:assert/strict'
import { DuckDBInstance } from '@duckdb/node-api'

const connection = await (await DuckDBInstance.create(':memory:')).connect()
await connection.run('create table rows as select range as id from range(1000)')

export async function use() {
  const reader = await connection.runAndReadAll('select sum(id)::int as sum from rows')
  assert.deepEqual(reader.getRows(), [[499_500]])
}
