import { createServer } from 'node:http'
import { Client, Pool } from 'undici'
import { closed, listen } from './support/listen.mjs'

const server = createServer(async (request, response) => {
  let length = 0
  for await (const chunk of request) length += chunk.length
  if (request.url === '/never') return
  response.end(`${length}`)
})
const url = await listen(server)
const pool = new Pool(url, { connections: 3, pipelining: 1 })
const answers = await Promise.all(
  Array.from({ length: 9 }, (_, i) =>
    pool.request({ path: '/', method: 'POST', body: 'x'.repeat(i * 1000) }),
  ),
)
console.log(await Promise.all(answers.map(({ body }) => body.text())))
await pool.close()
const client = new Client(url, { headersTimeout: 200 })
console.log(await client.request({ path: '/never', method: 'GET' }).catch((error) => error.code))
await client.destroy()
server.closeAllConnections()
await closed(server)
