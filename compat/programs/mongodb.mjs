// package: mongodb
// parent: inserts into a server that speaks MongoDB's protocol
// clone: inserts by a client of its own
import assert from 'node:assert/strict'
import { MongoClient } from 'mongodb'
import { unique } from './lib/http.mjs'
import { mongoServer } from './lib/mongo.mjs'

const { url, twice } = await mongoServer()
const client = await MongoClient.connect(url)
async function insert(by) {
  const rows = by.db('compat').collection('rows')
  const name = unique()
  await rows.insertOne({ name })
  assert.equal((await rows.findOne({ name })).name, name)
}

export const use = () => insert(client)
export const inClone = async () => insert(await MongoClient.connect(url))
export const after = () => assert.deepEqual(twice(), [], 'inserted twice')
