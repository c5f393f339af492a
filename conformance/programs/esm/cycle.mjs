import { isEven } from '../support/even.mjs'

console.log(isEven(10), isEven(7))
const { isOdd } = await import('../support/odd.mjs')
console.log(isOdd(7))
