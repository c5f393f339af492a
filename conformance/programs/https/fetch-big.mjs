import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:https'

const [key, cert] = ['key', 'cert'].map((name) =>
  readFileSync(new URL(`../support/${name}.pem`, import.meta.url)),
)
const agent = new Agent({ keepAlive: true, ca: cert })
const body = Buffer.alloc(1_000_000, 'https')
const sha = (hash) => hash.digest('hex').slice(0, 12)
const server = createServer({ key, cert }, (req, res) => req.pipe(res)).listen(0, 'localhost', () => {
  const { port, address: host } = server.address()
  const req = request({ port, host, agent, method: 'PUT', servername: 'localhost' }, (res) => {
    const hash = createHash('sha1')
    res.on('data', (chunk) => hash.update(chunk))
    res.on('end', () => {
      console.log(sha(hash) === sha(createHash('sha1').update(body)))
      agent.destroy()
      server.close(() => console.log('closed'))
    })
  })
  req.end(body)
})
