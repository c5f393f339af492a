import { connect, createServer } from 'node:http2'

let accepted
const server = createServer().on('session', (session) => {
  accepted = session
})
server.listen(0, '127.0.0.1', () => {
  const session = connect(`http://127.0.0.1:${server.address().port}`, () => {
    session.ping(Buffer.from('12345678'), (error, _, payload) => {
      console.log(error, payload.toString())
      accepted.goaway(0, 0, Buffer.from('bye'))
    })
  })
  session.on('goaway', (code, _, data) => {
    console.log('goaway', code, data.toString())
    session.destroy()
    server.close(() => console.log('closed'))
  })
})
