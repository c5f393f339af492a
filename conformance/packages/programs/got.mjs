import { createServer } from 'node:http'
import got from 'got'
import { closed, listen } from './support/listen.mjs'

let calls = 0
const server = createServer((request, response) => {
  response.statusCode = ++calls % 3 === 0 ? 200 : 503
  response.setHeader('retry-after', '0')
  response.end(JSON.stringify({ calls, url: request.url }))
})
const url = await listen(server)
const { body, retryCount } = await got(url, {
  responseType: 'json',
  retry: { limit: 4, calculateDelay: () => 1 },
})
console.log(body, retryCount)
const error = await got(url, { retry: { limit: 0 } }).catch((error) => error)
console.log(error.code, error.response.statusCode)
await closed(server)
