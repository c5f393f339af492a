import { Readable } from 'node:stream'

const numbers = Readable.from([1, 2, 3, 4, 5, 6])
const result = await numbers
  .filter((n) => n % 2 === 0)
  .map(async (n) => n * n, { concurrency: 2 })
  .toArray()
console.log(result)
console.log(await Readable.from('abc').reduce((all, one) => all + one, ''))
console.log(
  await Readable.from([3, 1, 2])
    .take(2)
    .some((n) => n === 1),
)
