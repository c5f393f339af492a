// package: mariadb
// parent: inserts into MariaDB by a pool
// clone: inserts by a pool of its own
import assert from 'node:assert/strict'
import mariadb from 'mariadb'
import { unique } from './lib/http.mjs'
import { mariadbServer } from './lib/services.mjs'

const options = await mariadbServer()
const pool = mariadb.createPool({ ...options, connectionLimit: 2 })
await pool.query('create table events (id varchar(40) primary key)')
const insert = (by) => by.query('insert into events values (?)', [unique()])

export async function use() {
  await insert(pool)
  assert.equal(Number((await pool.query('select ? + 2 as sum', [1]))[0].sum), 3)
}
export const inClone = () => insert(mariadb.createPool({ ...options, connectionLimit: 1 }))
