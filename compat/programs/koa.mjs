// package: koa
// parent: answers requests
// clone: answers one by a server of its own
import Koa from 'koa'
import { served } from './lib/http.mjs'

const app = new Koa()
app.use(async (context, next) => {
  await next()
  context.body = `path ${context.path}`
})

export const { use, inClone } = await served(app.callback(), '/a', 'path /a')
