// package: knex
// with: pg
// parent: inserts into PostgreSQL
// clone: inserts by an instance of its own
import assert from 'node:assert/strict'
import knex from 'knex'
import { unique } from './lib/http.mjs'
import { postgres } from './lib/services.mjs'

const connection = await postgres()
const connect = () => knex({ client: 'pg', connection })
const db = connect()
await db.schema.createTable('events', (table) => table.string('id').primary())
const insert = (by) => by('events').insert({ id: unique() })

export async function use() {
  const { rowCount } = await insert(db)
  assert.equal(rowCount, 1)
}
export const inClone = async () => (await insert(connect())).rowCount
