// package: kafkajs
// parent: sends to a broker that speaks Kafka's protocol
// clone: sends by a producer of its own
import assert from 'node:assert/strict'
import { Kafka, Partitioners } from 'kafkajs'
import { unique } from './lib/http.mjs'
import { kafkaBroker } from './lib/kafka.mjs'

const { broker, twice } = await kafkaBroker()
async function open() {
  const kafka = new Kafka({ brokers: [broker], logLevel: 0, requestTimeout: 5_000 })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  return producer
}
const producer = await open()
async function send(by) {
  const [{ errorCode }] = await by.send({ topic: 'events', messages: [{ value: unique() }] })
  assert.equal(errorCode, 0)
}

export const use = () => send(producer)
export const inClone = async () => send(await open())
export const after = () => assert.deepEqual(twice(), [], 'sent twice')
