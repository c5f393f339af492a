// package: mysql2
// parent: inserts into MariaDB by a pool
// clone: inserts by a pool of its own
import assert from 'node:assert/strict'
import mysql from 'mysql2/promise'
import { unique } from './lib/http.mjs'
import { mariadbServer } from './lib/services.mjs'

const options = await mariadbServer()
const pool = mysql.createPool(options)
await pool.query('create table events (id varchar(40) primary key)')
const insert = (by) => by.execute('insert into events values (?)', [unique()])

export async function use() {
  await insert(pool)
  const [rows] = await pool.execute('select ? + 2 as sum', [1])
  assert.equal(Number(rows[0].sum), 3)
}
export const inClone = () => insert(mysql.createPool(options))
