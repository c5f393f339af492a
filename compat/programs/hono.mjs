// package: hono
// with: @hono/node-server
// parent: answers requests
// clone: answers one by a server of its own
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { served } from './lib/http.mjs'

const app = new Hono()
app.get('/sum/:a/:b', (context) =>
  context.json({ sum: Number(context.req.param('a')) + Number(context.req.param('b')) }),
)

export const { use, inClone } = await served(getRequestListener(app.fetch), '/sum/1/2', '{"sum":3}')
