import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

process.once('beforeExit', async () => {
  console.log((await readFile(fileURLToPath(import.meta.url))).length > 10)
  process.exitCode = 0
})
process.on('beforeExit', () => console.log('beforeExit'))
process.on('exit', (code) => console.log('exit', code))
