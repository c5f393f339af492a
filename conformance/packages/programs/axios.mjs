import { Agent, createServer } from 'node:http'
import axios from 'axios'
import { closed, listen } from './support/listen.mjs'

const server = createServer(async (request, response) => {
  if (request.url === '/slow') return
  response.statusCode = request.url === '/bad' ? 418 : 200
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ url: request.url, auth: request.headers.authorization }))
})
const httpAgent = new Agent({ keepAlive: true, maxSockets: 2 })
const client = axios.create({
  baseURL: await listen(server),
  httpAgent,
  auth: { username: 'a', password: 'b' },
})
client.interceptors.response.use((response) => ({ ...response, data: { ...response.data, seen: true } }))
console.log((await client.get('/', { params: { q: 1 } })).data)
console.log(await client.get('/bad').catch(({ code, response }) => [code, response.status]))
console.log(await client.get('/slow', { timeout: 100 }).catch(({ code }) => code))
httpAgent.destroy()
server.closeAllConnections()
await closed(server)
