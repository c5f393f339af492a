import { AsyncLocalStorage } from 'node:async_hooks'
import { createServer, get } from 'node:http'

const storage = new AsyncLocalStorage()
const server = createServer((req, res) => {
  storage.run(req.url, () => setTimeout(() => res.end(storage.getStore()), 2))
}).listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  let left = 3
  for (const path of ['/a', '/b', '/c']) {
    storage.run(path, () =>
      get({ port, host: '127.0.0.1', path, agent: false }, (res) => {
        res.setEncoding('utf8').on('data', (text) => {
          if (text !== storage.getStore()) console.log('mixed up', text, storage.getStore())
        })
        res.on('end', () => --left === 0 && server.close(() => console.log('all as they should be')))
      }),
    )
  }
})
