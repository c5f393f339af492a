// package: drizzle-orm
// with: pg
// parent: inserts into PostgreSQL
// clone: inserts by an instance of its own
import assert from 'node:assert/strict'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { unique } from './lib/http.mjs'
import { postgres } from './lib/services.mjs'

const options = await postgres()
const connect = () => drizzle(new pg.Pool(options))
const events = pgTable('events', { id: text('id').primaryKey() })
const db = connect()
await db.execute(sql`create table events (id text primary key)`)
async function insert(by) {
  const id = unique()
  assert.deepEqual(await by.insert(events).values({ id }).returning(), [{ id }])
}

export const use = () => insert(db)
export const inClone = () => insert(connect())
