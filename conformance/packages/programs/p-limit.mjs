import pLimit from 'p-limit'
import pRetry, { AbortError } from 'p-retry'

const limit = pLimit(2)
let running = 0
let most = 0
const work = async (i) => {
  most = Math.max(most, ++running)
  await new Promise((resolve) => setTimeout(resolve, 2))
  running--
  return i * 2
}
console.log(await Promise.all([1, 2, 3, 4, 5].map((i) => limit(work, i))), most)
const tries = []
const flaky = (n) => {
  tries.push(n)
  if (n < 3) throw new Error('not yet')
  return 'done'
}
console.log(await pRetry(flaky, { retries: 5, minTimeout: 1, factor: 1 }), tries)
console.log(
  await pRetry(() => {
    throw new AbortError('never')
  }).catch((error) => error.message),
)
