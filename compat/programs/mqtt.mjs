// package: mqtt
// parent: publishes to Mosquitto and receives
// clone: publishes by a client of its own
import assert from 'node:assert/strict'
import mqtt from 'mqtt'
import { unique } from './lib/http.mjs'
import { mosquitto } from './lib/services.mjs'

const url = `mqtt://127.0.0.1:${await mosquitto()}`
const client = await mqtt.connectAsync(url)
await client.subscribeAsync('events')
const received = []
let arrived = () => {}
client.on('message', (_, payload) => {
  received.push(String(payload))
  arrived()
})

export async function use() {
  const id = unique()
  await client.publishAsync('events', id, { qos: 1 })
  while (!received.includes(id)) await new Promise((resolve) => (arrived = resolve))
}
export async function inClone() {
  await (await mqtt.connectAsync(url)).publishAsync('events', unique(), { qos: 1 })
}
export const after = () => assert.equal(new Set(received).size, received.length, 'published twice')
