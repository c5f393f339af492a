import { createServer, get } from 'node:http'
import { text } from 'node:stream/consumers'

const server = createServer((req, res) => {
  setTimeout(() => res.end(req.url.slice(1)), Number(req.url.slice(1)) % 5)
})
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address()
  const fetchOne = (i) =>
    new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', path: `/${i}`, agent: false }, (res) => resolve(text(res))).on(
        'error',
        reject,
      )
    })
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => fetchOne(i)))
  console.log(answers.join())
  server.close(() => console.log('closed'))
})
