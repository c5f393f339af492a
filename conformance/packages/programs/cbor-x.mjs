import { decode, encode } from 'cbor-x'

const value = { n: [1, -1, 1.5, 2n ** 60n], text: 'ü', set: new Set([1, 2]), bytes: new Uint8Array([1, 2]) }
const bytes = encode(value)
console.log(bytes.length, decode(bytes))
