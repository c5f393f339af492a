import { deserialize, getHeapStatistics, serialize } from 'node:v8'

const value = {
  date: new Date(5),
  map: new Map([['k', { deep: [1n, undefined, NaN] }]]),
  re: /x/gi,
  bytes: new Uint8Array([1, 2]),
}
value.holes = new Array(3)
value.self = value
const back = deserialize(serialize(value))
console.log(back, back.self === back, back.bytes.buffer !== value.bytes.buffer)
try {
  serialize(() => {})
} catch ({ name, message }) {
  console.log(name, message)
}
console.log(getHeapStatistics().used_heap_size > 0)
