import { createSocket } from 'node:dgram'
import { promises } from 'node:dns'

// Answers each question with the address 10.1.2.3.
const server = createSocket('udp4').on('message', (query, { port, address }) => {
  const answer = Buffer.from('c00c000100010000003c00040a010203', 'hex')
  const question = query.subarray(12, query.indexOf(0, 12) + 5)
  const head = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
  server.send(Buffer.concat([head, question, answer]), port, address)
})
server.bind(0, '127.0.0.1', async () => {
  const resolver = new promises.Resolver({ timeout: 2000 })
  resolver.setServers([`127.0.0.1:${server.address().port}`])
  console.log(await resolver.resolve4('some.example'), await resolver.resolve4('some.example', { ttl: true }))
  server.close()
})
