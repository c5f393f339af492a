import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })
lines.on('close', () => console.log('no more lines'))
let count = 0
for await (const _ of lines) count++
console.log(count)
