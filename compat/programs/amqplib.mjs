// package: amqplib
// parent: sends to RabbitMQ and consumes
// clone: sends by a connection of its own
import assert from 'node:assert/strict'
import amqp from 'amqplib'
import { unique } from './lib/http.mjs'
import { rabbitmq } from './lib/services.mjs'

const url = `amqp://127.0.0.1:${await rabbitmq()}`
const open = async () => (await amqp.connect(url)).createConfirmChannel()
const channel = await open()
await channel.assertQueue('events')
const received = []
let arrived = () => {}
await channel.consume('events', (message) => {
  received.push(String(message.content))
  channel.ack(message)
  arrived()
})
async function send(by) {
  const id = unique()
  by.sendToQueue('events', Buffer.from(id))
  await by.waitForConfirms()
  return id
}

export async function use() {
  const id = await send(channel)
  while (!received.includes(id)) await new Promise((resolve) => (arrived = resolve))
}
export const inClone = async () => send(await open())
export const after = () => assert.equal(new Set(received).size, received.length, 'sent twice')
