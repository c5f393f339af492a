import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:tls'

const [key, cert] = ['key', 'cert'].map((name) =>
  readFileSync(new URL(`../support/${name}.pem`, import.meta.url)),
)
const server = createServer({ key, cert, maxVersion: 'TLSv1.2' }, (socket) => socket.end('hello'))
await once(server.listen(0, '127.0.0.1'), 'listening')
const options = { port: server.address().port, host: '127.0.0.1', ca: cert }
const first = connect(options)
const [session] = await once(first, 'session')
first.resume()
await once(first, 'close')
const second = connect({ ...options, session })
await once(second, 'secureConnect')
console.log(first.isSessionReused(), second.isSessionReused())
for await (const chunk of second) console.log(String(chunk))
server.close()
