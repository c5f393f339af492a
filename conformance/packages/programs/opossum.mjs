import Breaker from 'opossum'

let healthy = false
const breaker = new Breaker(
  async (n) => {
    if (!healthy) throw new Error('down')
    return n
  },
  { timeout: 1000, errorThresholdPercentage: 50, resetTimeout: 30, volumeThreshold: 2 },
)
const fire = (n) => breaker.fire(n).catch((error) => error.message)
console.log(await fire(1), await fire(2), breaker.opened, await fire(3))
healthy = true
// The breaker's own timer keeps no process alive.
await new Promise((resolve) => setTimeout(resolve, 200))
console.log(await fire(4), breaker.closed)
breaker.shutdown()
