import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const server = createServer(async (req, res) => {
  const hash = createHash('sha256')
  let length = 0
  for await (const chunk of req) {
    length += chunk.length
    hash.update(chunk)
  }
  res.writeHead(201, { 'x-length': length })
  res.end(hash.digest('hex'))
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const req = request({ port: server.address().port, host: '127.0.0.1', method: 'POST' })
const answered = once(req, 'response')
await pipeline(Readable.from(Array.from({ length: 50 }, (_, i) => Buffer.alloc(10_000, i))), req)
const [res] = await answered
console.log(res.statusCode, res.headers['x-length'])
for await (const chunk of res) console.log(chunk.toString())
server.close()
