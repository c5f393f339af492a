import { createServer, get } from 'node:http'

const server = createServer((_, res) => {
  res.writeHead(200, { trailer: 'x-sum' })
  let n = 0
  const interval = setInterval(() => {
    res.write(`part ${++n}\n`)
    if (n < 3) return
    clearInterval(interval)
    res.addTrailers({ 'x-sum': '6' })
    res.end()
  }, 2)
}).listen(0, '127.0.0.1', () => {
  get({ port: server.address().port, host: '127.0.0.1' }, (res) => {
    let body = ''
    res.setEncoding('utf8').on('data', (part) => (body += part))
    res.on('end', () => {
      console.log(res.headers['transfer-encoding'], JSON.stringify(body), res.trailers)
      server.close()
    })
  })
})
