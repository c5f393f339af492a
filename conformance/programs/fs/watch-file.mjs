import { mkdtempSync, rmSync, unwatchFile, watchFile, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'watch-file-'))
const file = join(folder, 'file')
// Called at once for a file that is not there.
watchFile(file, { interval: 5 }, (now, before) => {
  console.log(before.size, now.size)
  if (now.size === 0) return writeFileSync(file, 'hello')
  unwatchFile(file)
  rmSync(folder, { recursive: true })
})
