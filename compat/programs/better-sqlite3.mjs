// package: better-sqlite3
// parent: writes rows into a file
// clone: writes rows into a file of its own, reads from one in memory
import assert from 'node:assert/strict'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { folder } from './lib/services.mjs'

function open(path) {
  const db = new Database(path)
  db.exec('create table if not exists events (id integer primary key, text)')
  return { db, insert: db.prepare('insert into events (text) values (?)') }
}
const own = open(join(folder(), 'own.db'))
const memory = open(':memory:')
for (let row = 0; row < 1000; row++) memory.insert.run('row')
const count = ({ db }) => db.prepare('select count(*) as count from events').get().count
let written = 0

export function use() {
  own.insert.run(`row ${++written}`)
  assert.equal(count(own), written)
}
export function inClone() {
  assert.equal(count(memory), 1000)
  const mine = open(join(folder(), 'mine.db'))
  mine.insert.run('row')
  assert.equal(count(mine), 1)
}
