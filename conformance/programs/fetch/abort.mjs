import { createServer } from 'node:http'

const controller = new AbortController()
const server = createServer(() => controller.abort()).listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/`
  await fetch(url, { signal: controller.signal }).catch(({ name }) => console.log(name))
  await fetch(url, { signal: AbortSignal.abort(new Error('before')) }).catch(({ message }) =>
    console.log(message),
  )
  server.closeAllConnections()
  server.close(() => console.log('closed'))
})
