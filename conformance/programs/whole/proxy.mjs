import { createServer, request } from 'node:http'
import { pipeline } from 'node:stream'
import { text } from 'node:stream/consumers'

const HOST = '127.0.0.1'
const origin = createServer((req, res) => res.end(`origin: ${req.url} ${req.headers.via}`)).listen(0, HOST)
const proxy = createServer((req, res) => {
  const headers = { ...req.headers, via: 'proxy' }
  const { method, url: path } = req
  const onward = request(
    { host: HOST, port: origin.address().port, method, path, headers, agent: false },
    (answer) => {
      res.writeHead(answer.statusCode, answer.headers)
      pipeline(answer, res, () => {})
    },
  )
  pipeline(req, onward, () => {})
}).listen(0, HOST, () => {
  request({ host: HOST, port: proxy.address().port, path: '/page', agent: false }, async (res) => {
    console.log(res.statusCode, await text(res))
    for (const server of [origin, proxy]) server.close()
  }).end()
})
