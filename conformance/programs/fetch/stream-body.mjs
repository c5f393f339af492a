import { createServer } from 'node:http'

const server = createServer((req, res) => req.pipe(res)).listen(0, '127.0.0.1', async () => {
  const body = new ReadableStream({
    async start(controller) {
      for (const word of ['streamed ', 'up ', 'and down']) {
        controller.enqueue(new TextEncoder().encode(word))
        await new Promise(setImmediate)
      }
      controller.close()
    },
  })
  const response = await fetch(`http://127.0.0.1:${server.address().port}`, {
    method: 'PUT',
    body,
    duplex: 'half',
  })
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) text += chunk
  console.log(text)
  server.close()
  server.closeIdleConnections()
})
