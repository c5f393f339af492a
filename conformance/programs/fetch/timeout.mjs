import { createServer } from 'node:http'

const server = createServer(() => {}).listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/`
  await fetch(url, { signal: AbortSignal.timeout(20) }).catch(({ name }) => console.log(name))
  server.closeAllConnections()
  server.close(() => console.log('closed'))
})
