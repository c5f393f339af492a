import {
  linkSync,
  lstatSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'links-'))
const file = join(folder, 'file')
writeFileSync(file, 'x', { mode: 0o640 })
symlinkSync('file', join(folder, 'soft'))
linkSync(file, join(folder, 'hard'))
console.log(readlinkSync(join(folder, 'soft')), basename(realpathSync(join(folder, 'soft'))))
console.log(
  lstatSync(join(folder, 'soft')).isSymbolicLink(),
  statSync(file).nlink,
  (statSync(file).mode & 0o777).toString(8),
)
utimesSync(file, 1000, new Date('2001-02-03T04:05:06Z'))
console.log(statSync(file).mtime.toISOString(), statSync(file, { bigint: true }).atimeMs)
rmSync(folder, { recursive: true })
