import { mkdtempSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'watch-'))
const watcher = watch(folder)
watcher.once('change', (event, name) => {
  console.log(event, name)
  watcher.close()
})
watcher.on('close', () => {
  console.log('closed')
  rmSync(folder, { recursive: true })
})
writeFileSync(join(folder, 'new'), '')
