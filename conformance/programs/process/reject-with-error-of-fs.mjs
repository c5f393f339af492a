// ends: 1
import { readFile } from 'node:fs/promises'

console.log('reading')
await readFile('/not/there/at/all')
