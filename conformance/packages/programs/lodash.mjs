import _ from 'lodash'

console.log(
  _.groupBy([1, 2, 3], (n) => n % 2),
  _.merge({ a: { b: 1 } }, { a: { c: 2 } }),
  _.uniqueId('x').startsWith('x'),
)
let calls = 0
const debounced = _.debounce(() => ++calls, 10)
for (let i = 0; i < 5; i++) debounced()
await new Promise((resolve) => setTimeout(resolve, 40))
console.log(calls, _.template('<%= a %>!')({ a: 'hi' }))
