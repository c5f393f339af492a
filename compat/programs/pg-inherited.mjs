// package: pg
// row: `pg`, the parent's pool
// parent: inserts into PostgreSQL
// clone: inserts by the parent's pool, after an error
import assert from 'node:assert/strict'
import pg from 'pg'
import { unique } from './lib/http.mjs'
import { postgres } from './lib/services.mjs'

const pool = new pg.Pool(await postgres())
// Emitted when an idle connection breaks.
pool.on('error', () => {})
await pool.query('create table events (id text primary key)')
let inserted = 0
async function insert() {
  await pool.query('insert into events values ($1)', [unique()])
}

export async function use() {
  await insert()
  inserted++
}
export const inClone = () => insert().catch(insert)
export async function after({ length }) {
  const { rows } = await pool.query('select count(*)::int as count from events')
  assert.deepEqual(rows, [{ count: inserted + length }])
}
