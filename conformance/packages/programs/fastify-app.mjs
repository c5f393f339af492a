import fastify from 'fastify'

const app = fastify()
app.decorate('answer', 42)
app.addHook('onSend', async (_request, reply, payload) => {
  reply.header('x-length', payload.length)
  return payload
})
const schema = { body: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } }
app.post('/', { schema }, async (request) => ({ n: request.body.n, answer: app.answer }))
app.get('/wait', async () => new Promise((resolve) => setTimeout(resolve, 20, { waited: true })))
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const post = (body) =>
  fetch(url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
const good = await post({ n: '7' })
console.log(good.headers.get('x-length'), await good.json())
console.log(await (await post({ n: 'seven' })).json())
console.log(await (await fetch(`${url}/wait`)).json(), (await app.inject('/none')).statusCode)
await app.close()
