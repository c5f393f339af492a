import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

const server = createServer(async (req, res) => {
  const parsed = await new Response(await text(req), {
    headers: { 'content-type': req.headers['content-type'] },
  }).formData()
  const file = parsed.get('file')
  res.end(`${parsed.get('name')} ${file.name} ${file.type} ${await file.text()}`)
}).listen(0, '127.0.0.1', async () => {
  const form = new FormData()
  form.set('name', 'a form')
  form.set('file', new File(['inside'], 'file.txt', { type: 'text/plain' }))
  const response = await fetch(`http://127.0.0.1:${server.address().port}`, { method: 'POST', body: form })
  console.log(await response.text())
  server.close()
  server.closeIdleConnections()
})
