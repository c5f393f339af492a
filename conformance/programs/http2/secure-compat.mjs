import { readFileSync } from 'node:fs'
import { connect, createSecureServer } from 'node:http2'

const [key, cert] = ['key', 'cert'].map((name) =>
  readFileSync(new URL(`../support/${name}.pem`, import.meta.url)),
)
const server = createSecureServer({ key, cert }, (req, res) => {
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ version: req.httpVersion, method: req.method }))
}).listen(0, 'localhost', () => {
  const session = connect(`https://localhost:${server.address().port}`, { ca: cert })
  const request = session.request({ ':method': 'DELETE', ':path': '/x' })
  let body = ''
  request.setEncoding('utf8').on('data', (part) => (body += part))
  request.on('end', () => {
    console.log(session.alpnProtocol, body)
    session.close(() => server.close(() => console.log('closed')))
  })
})
