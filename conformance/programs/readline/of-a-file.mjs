import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

let count = 0
for await (const line of createInterface({ input: createReadStream(fileURLToPath(import.meta.url)) })) {
  if (line.startsWith('import ')) count++
}
console.log('imports:', count)
