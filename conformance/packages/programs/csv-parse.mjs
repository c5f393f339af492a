import { Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { parse as parseSync } from 'csv-parse/sync'

console.log(parseSync('a,b\n1,"x, y"\n2,z\n', { columns: true, cast: true }))
let rows = 0
const lines = Array.from({ length: 5000 }, (_, i) => `${i},${i * 2}\n`)
for await (const [a, b] of Readable.from(lines).pipe(parse())) if (Number(b) === 2 * Number(a)) rows++
console.log(rows)
