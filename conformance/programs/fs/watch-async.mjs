import { mkdtempSync } from 'node:fs'
import { rm, watch, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'watch-'))
const controller = new AbortController()
setImmediate(() => writeFile(join(folder, 'a'), 'x'))
try {
  for await (const { filename } of watch(folder, { signal: controller.signal })) {
    console.log(filename)
    controller.abort()
  }
} catch (error) {
  console.log(error.name)
}
await rm(folder, { recursive: true })
