import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { sign, verify } from 'hono/jwt'

const app = new Hono()
app.use('*', cors())
app.get('/users/:id', (context) => context.json({ id: context.req.param('id') }))
app.get('/stream', (context) => context.body(new Blob(['a', 'b']).stream()))
app.onError((error, context) => context.text(error.message, 500))
app.get('/throws', () => {
  throw new Error('bad')
})
for (const path of ['/users/7', '/stream', '/throws', '/none']) {
  const response = await app.request(path)
  console.log(response.status, response.headers.get('access-control-allow-origin'), await response.text())
}
console.log(await verify(await sign({ sub: 'me' }, 'secret'), 'secret', 'HS256'))
