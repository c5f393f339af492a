import { getRandomValues, randomBytes, randomFill, randomInt, randomUUID } from 'node:crypto'

const uuids = new Set(Array.from({ length: 300 }, () => randomUUID()))
console.log(
  uuids.size,
  [...uuids].every((id) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(id)),
)
console.log(new Set(Array.from({ length: 200 }, () => randomInt(10))).size)
console.log(randomBytes(8).length, getRandomValues(new Uint32Array(2)).length)
randomFill(new Uint8Array(1000), (error, bytes) => console.log(error, new Set(bytes).size > 100))
randomInt(5, 6, (error, n) => console.log(error, n))
console.log(new Set(Array.from({ length: 100 }, Math.random)).size)
