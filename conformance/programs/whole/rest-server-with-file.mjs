import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'

const folder = mkdtempSync(join(tmpdir(), 'rest-'))
const file = join(folder, 'items.json')
await writeFile(file, '[]')
const server = createServer(async (req, res) => {
  const items = JSON.parse(await readFile(file, 'utf8'))
  if (req.method === 'POST') {
    items.push(await json(req))
    await writeFile(file, JSON.stringify(items))
    res.writeHead(201)
  }
  res.end(JSON.stringify(items))
}).listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/items`
  for (const name of ['one', 'two']) {
    const { status } = await fetch(url, { method: 'POST', body: JSON.stringify({ name }) })
    console.log(status)
  }
  console.log(await (await fetch(url)).json())
  server.close(() => rmSync(folder, { recursive: true }))
  server.closeIdleConnections()
})
