import PQueue from 'p-queue'

const queue = new PQueue({ concurrency: 2, intervalCap: 10, interval: 10 })
const order = []
for (let i = 0; i < 6; i++) {
  queue.add(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      order.push(i)
    },
    { priority: i },
  )
}
await queue.onIdle()
console.log(order.length, order.slice(0, 2).sort(), queue.size, queue.pending)
const slow = new PQueue({ timeout: 20, throwOnTimeout: true })
console.log(await slow.add(() => new Promise(() => {})).catch((error) => error.name))
