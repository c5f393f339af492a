import { readFileSync } from 'node:fs'
import { access, mkdir, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const missing = join(tmpdir(), 'is', 'missing')
const tell = (error) => console.log(error.name, error.code, error.syscall, error.errno)
for (const act of [access, readdir, rmdir, mkdir]) await act(missing).catch(tell)
try {
  readFileSync(tmpdir())
} catch (error) {
  tell(error)
}
try {
  readFileSync(missing, { encoding: 'klingon' })
} catch (error) {
  console.log(error.name, error.code)
}
