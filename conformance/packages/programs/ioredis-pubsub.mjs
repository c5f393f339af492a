import { once } from 'node:events'
import Redis from 'ioredis'

const channel = `conformance:${process.pid}`
const [subscriber, publisher] = [new Redis(process.env.REDIS_URL), new Redis(process.env.REDIS_URL)]
await subscriber.subscribe(channel)
for (const message of ['one', 'two']) {
  const told = once(subscriber, 'message')
  console.log(await publisher.publish(channel, message), (await told)[1])
}
subscriber.disconnect()
await publisher.quit()
