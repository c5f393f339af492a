import { readFileSync } from 'node:fs'
import { createServer, get } from 'node:https'

const [key, cert] = ['key', 'cert'].map((name) =>
  readFileSync(new URL(`../support/${name}.pem`, import.meta.url)),
)
const server = createServer({ key, cert }, (_, res) => res.end('never')).listen(0, '127.0.0.1', () => {
  get({ port: server.address().port, host: '127.0.0.1' }).on('error', (error) => {
    console.log(error.code)
    server.close()
  })
})
