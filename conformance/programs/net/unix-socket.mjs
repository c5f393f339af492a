import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'net-'))
const path = join(folder, 'echo')
const server = createServer((socket) => socket.pipe(socket)).listen(path, () => {
  console.log(existsSync(path))
  const socket = connect(path)
  socket.on('data', (chunk) => {
    console.log(String(chunk))
    socket.end()
    server.close(() => {
      console.log(existsSync(path))
      rmSync(folder, { recursive: true })
    })
  })
  socket.write('through a file')
})
