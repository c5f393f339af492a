import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const folder = mkdtempSync(join(tmpdir(), 'http-'))
const socketPath = join(folder, 'socket')
const server = createServer((req, res) => res.end(`asked for ${req.url}`)).listen(socketPath, () => {
  get({ socketPath, path: '/by/file' }, async (res) => {
    console.log(await text(res))
    server.close(() => rmSync(folder, { recursive: true }))
  })
})
