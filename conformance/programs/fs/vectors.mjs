import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readvSync,
  rmSync,
  writev,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'vectors-'))
const fd = openSync(join(folder, 'file'), 'w+')
const parts = ['gathered', ' and ', 'scattered'].map((text) => Buffer.from(text))
writev(fd, parts, 0, (error, written) => {
  fsyncSync(fd)
  const [a, b] = [Buffer.alloc(8), Buffer.alloc(5)]
  console.log(error, written, readvSync(fd, [a, b], 0), a.toString(), b.toString())
  ftruncateSync(fd, 0)
  closeSync(fd)
  rmSync(folder, { recursive: true })
})
