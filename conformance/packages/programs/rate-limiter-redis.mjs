import Redis from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'

const storeClient = new Redis(process.env.REDIS_URL)
const bounds = { points: 3, duration: 60, keyPrefix: `conformance:${process.pid}` }
for (const limiter of [new RateLimiterMemory(bounds), new RateLimiterRedis({ ...bounds, storeClient })]) {
  const left = []
  for (let i = 0; i < 5; i++) {
    left.push(
      await limiter.consume('me').then(
        (told) => told.remainingPoints,
        () => 'refused',
      ),
    )
  }
  console.log(left)
  await limiter.delete('me')
}
await storeClient.quit()
