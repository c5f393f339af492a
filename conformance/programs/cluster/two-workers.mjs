import cluster from 'node:cluster'
import { createServer, get } from 'node:http'
import { text } from 'node:stream/consumers'

if (cluster.isPrimary) {
  cluster.setupPrimary({ exec: new URL(import.meta.url).pathname })
  const worker = cluster.fork()
  worker.on('listening', ({ port }) => {
    get({ port, host: '127.0.0.1' }, async (res) => {
      console.log(await text(res))
      worker.disconnect()
    })
  })
  cluster.on('exit', (_, code) => console.log('worker left:', code))
} else {
  createServer((_, res) => res.setHeader('connection', 'close').end(`by worker ${cluster.worker.id}`)).listen(
    0,
    '127.0.0.1',
  )
}
