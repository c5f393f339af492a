import { createServer } from 'node:http'

const server = createServer(async (req, res) => {
  let body = ''
  for await (const chunk of req) body += chunk
  res.setHeader('content-type', 'application/json')
  res.setHeader('connection', 'close')
  res.end(JSON.stringify({ method: req.method, type: req.headers['content-type'], body }))
}).listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/`
  console.log(await (await fetch(url)).json())
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ a: '1', b: 'ü' }) })
  console.log(response.status, response.ok, await response.json())
  server.close(() => console.log('closed'))
})
