import { connect, createServer } from 'node:net'

const server = createServer().listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  server.close(() => {
    connect(port, '127.0.0.1').on('error', ({ code, syscall, address }) =>
      console.log(code, syscall, address),
    )
  })
})
