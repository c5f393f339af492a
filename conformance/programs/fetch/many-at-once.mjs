import { createServer } from 'node:http'

const server = createServer((req, res) => setImmediate(() => res.end(req.url))).listen(
  0,
  '127.0.0.1',
  async () => {
    const url = `http://127.0.0.1:${server.address().port}`
    const texts = await Promise.all(
      Array.from({ length: 30 }, async (_, i) => (await fetch(`${url}/${i}`)).text()),
    )
    console.log(texts.join(' '))
    server.close(() => console.log('closed'))
    server.closeIdleConnections()
  },
)
