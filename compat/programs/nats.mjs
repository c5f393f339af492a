// package: nats
// parent: makes requests over nats-server
// clone: makes one by a connection of its own
import assert from 'node:assert/strict'
import { connect } from 'nats'
import { natsServer } from './lib/services.mjs'

const servers = `127.0.0.1:${await natsServer()}`
const connection = await connect({ servers })
connection.subscribe('sum', { callback: (_, message) => message.respond(message.data) })
async function request(by) {
  assert.equal((await by.request('sum', '3', { timeout: 10_000 })).string(), '3')
}

export const use = () => request(connection)
export const inClone = async () => request(await connect({ servers }))
