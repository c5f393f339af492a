import { createServer } from 'node:http'
import { connect } from 'node:net'

const server = createServer((req, res) => {
  res.sendDate = false
  res.end(`${req.method} ${req.rawHeaders.join('|')}`)
}).listen(0, '127.0.0.1', () => {
  const socket = connect(server.address().port, '127.0.0.1')
  socket.write(
    'GET / HTTP/1.1\r\nHost: here\r\n\r\nGET /2 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n',
  )
  let all = ''
  socket.setEncoding('latin1').on('data', (text) => (all += text))
  socket.on('end', () => {
    console.log(all.replaceAll('\r', ''))
    const bad = connect(server.address().port, '127.0.0.1', () => bad.write('nonsense\r\n\r\n'))
    bad.setEncoding('latin1').once('data', (text) => console.log(text.split('\r\n')[0]))
    bad.on('close', () => server.close())
  })
})
