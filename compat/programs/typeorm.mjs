// package: typeorm
// with: pg reflect-metadata
// parent: saves entities in PostgreSQL
// clone: saves one by a data source of its own
import 'reflect-metadata'
import assert from 'node:assert/strict'
import { DataSource, EntitySchema } from 'typeorm'
import { unique } from './lib/http.mjs'
import { postgres } from './lib/services.mjs'

const { user: username, ...rest } = await postgres()
const Event = new EntitySchema({ name: 'event', columns: { id: { type: String, primary: true } } })
const connect = (synchronize) =>
  new DataSource({ type: 'postgres', username, ...rest, entities: [Event], synchronize }).initialize()
const source = await connect(true)
async function save(by) {
  const id = unique()
  await by.getRepository(Event).save({ id })
  assert.equal((await by.getRepository(Event).findOneBy({ id })).id, id)
}

export const use = () => save(source)
export const inClone = async () => save(await connect(false))
