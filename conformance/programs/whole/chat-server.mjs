import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'

const members = new Set()
const server = createServer((socket) => {
  members.add(socket)
  createInterface({ input: socket }).on('line', (line) => {
    for (const member of members) if (member !== socket) member.write(`${line}\n`)
  })
  socket.on(
    'close',
    () => members.delete(socket) && members.size === 0 && server.close(() => console.log('empty')),
  )
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const join = async () => {
  const socket = connect(server.address().port, '127.0.0.1')
  await once(socket, 'connect')
  return { socket, lines: createInterface({ input: socket })[Symbol.asyncIterator]() }
}
const [ann, bob] = [await join(), await join()]
while (members.size < 2) await new Promise(setImmediate)
ann.socket.write('hi bob\n')
console.log((await bob.lines.next()).value)
bob.socket.write('hi ann\n')
console.log((await ann.lines.next()).value)
for (const { socket } of [ann, bob]) socket.end()
