import { createServer, get } from 'node:http'

const server = createServer((req, res) => {
  if (req.url === '/hang-up') return req.socket.destroy()
  res.setHeader('content-length', 10)
  res.write('short', () => res.destroy())
}).listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const at = { port, host: '127.0.0.1', agent: false }
  get({ ...at, path: '/hang-up' }).on('error', (error) => {
    console.log(error.code, error.message)
    get({ ...at, path: '/short' }, (res) => {
      res.on('error', (error) => console.log(error.code))
      res.on('close', () => {
        console.log('complete:', res.complete)
        server.close(() => get(at).on('error', (error) => console.log(error.code)))
      })
      res.resume()
    })
  })
})
