import { createServer } from 'node:net'

console.log(await (await fetch('data:text/plain;base64,aGVsbG8=')).text())
const server = createServer().listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  server.close(async () => {
    await fetch(`http://127.0.0.1:${port}`).catch(({ name, message, cause }) =>
      console.log(name, message, cause.code),
    )
  })
})
await fetch('not a url').catch(({ name, cause }) => console.log(name, cause.code))
const request = new Request('http://x/', { method: 'post', body: 'b' })
console.log(request.method, await request.clone().text(), Response.json({ a: 1 }).headers.get('content-type'))
