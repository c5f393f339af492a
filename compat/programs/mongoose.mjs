// package: mongoose
// parent: saves documents on a server that speaks MongoDB's protocol
// clone: saves one by a connection of its own
import assert from 'node:assert/strict'
import mongoose from 'mongoose'
import { unique } from './lib/http.mjs'
import { mongoServer } from './lib/mongo.mjs'

const { url, twice } = await mongoServer()
const open = async () => {
  const connection = await mongoose
    .createConnection(`${url}/compat`, { autoIndex: false, autoCreate: false })
    .asPromise()
  return connection.model('Row', new mongoose.Schema({ name: String }))
}
const Row = await open()
async function save(Row) {
  const name = unique()
  await Row.create({ name })
  assert.equal((await Row.findOne({ name })).name, name)
}

export const use = () => save(Row)
export const inClone = async () => save(await open())
export const after = () => assert.deepEqual(twice(), [], 'inserted twice')
