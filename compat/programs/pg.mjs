// package: pg
// parent: inserts into PostgreSQL by a pool
// clone: inserts by a pool of its own
import assert from 'node:assert/strict'
import pg from 'pg'
import { unique } from './lib/http.mjs'
import { postgres } from './lib/services.mjs'

const options = await postgres()
const pool = new pg.Pool(options)
await pool.query('create table events (id text primary key)')
async function insert(by) {
  await by.query('insert into events values ($1)', [unique()])
}

export async function use() {
  await insert(pool)
  assert.deepEqual((await pool.query('select $1::int + 2 as sum', [1])).rows, [{ sum: 3 }])
}
export const inClone = () => insert(new pg.Pool(options))
