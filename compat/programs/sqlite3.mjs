// package: sqlite3
// parent: writes rows into a file
// clone: writes one into a file of its own
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sqlite3 from 'sqlite3'
import { folder } from './lib/services.mjs'

async function open() {
  const db = new sqlite3.Database(join(folder(), 'own.db'))
  const table = { run: promisify(db.run.bind(db)), get: promisify(db.get.bind(db)) }
  await table.run('create table events (id integer primary key, text)')
  return table
}
async function insert({ run, get }, expected) {
  await run('insert into events (text) values (?)', 'row')
  assert.equal((await get('select count(*) as count from events')).count, expected)
}
const own = await open()
let written = 0

export const use = () => insert(own, ++written)
export const inClone = async () => insert(await open(), 1)
