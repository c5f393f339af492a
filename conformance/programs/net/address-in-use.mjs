import { createServer } from 'node:net'

const first = createServer().listen(0, '127.0.0.1', () => {
  const second = createServer()
  second.on('error', ({ code, syscall }) => {
    console.log(code, syscall)
    first.close()
  })
  second.listen(first.address().port, '127.0.0.1')
})
