import { createServer } from 'node:http'
import express from 'express'
import multer from 'multer'
import { closed, listen } from './support/listen.mjs'

const app = express()
app.post('/', multer({ storage: multer.memoryStorage() }).array('files'), ({ files, body }, response) =>
  response.json({ body, files: files.map(({ originalname, size }) => [originalname, size]) }),
)
const server = createServer(app)
const form = new FormData()
form.set('name', 'value')
for (const size of [10, 100_000]) form.append('files', new Blob(['x'.repeat(size)]), `of-${size}`)
console.log(await (await fetch(await listen(server), { method: 'POST', body: form })).json())
server.closeAllConnections()
await closed(server)
