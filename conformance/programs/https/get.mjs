import { readFileSync } from 'node:fs'
import { createServer, get } from 'node:https'
import { text } from 'node:stream/consumers'

const [key, cert] = ['key', 'cert'].map((name) =>
  readFileSync(new URL(`../support/${name}.pem`, import.meta.url)),
)
const server = createServer({ key, cert }, (req, res) => res.end(`${req.socket.encrypted} ${req.url}`))
server.listen(0, '127.0.0.1', () => {
  const options = { port: server.address().port, host: '127.0.0.1', ca: cert, path: '/secret' }
  get(options, async (res) => {
    console.log(res.statusCode, res.socket.authorized, await text(res))
    server.close(() => console.log('closed'))
  })
})
