import { createServer } from 'node:http'

const server = createServer((req, res) => {
  res.setHeader('connection', 'close')
  if (req.url === '/from') res.writeHead(302, { location: '/to' }).end()
  else res.writeHead(200, { 'x-one': ['a', 'b'] }).end(`at ${req.url}`)
}).listen(0, '127.0.0.1', async () => {
  const { port } = server.address()
  const response = await fetch(`http://127.0.0.1:${port}/from`, { headers: { 'x-mine': 'y' } })
  console.log(
    response.redirected,
    new URL(response.url).pathname,
    response.headers.get('x-one'),
    await response.text(),
  )
  const manual = await fetch(`http://127.0.0.1:${port}/from`, { redirect: 'manual' })
  console.log(manual.status, manual.headers.get('location'))
  server.close()
})
