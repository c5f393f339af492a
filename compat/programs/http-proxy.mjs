// package: http-proxy
// parent: hands requests on to a server of its own
// clone: hands one on by a proxy of its own
import { createServer } from 'node:http'
import httpProxy from 'http-proxy'
import { listen, served } from './lib/http.mjs'

const target = await listen(createServer((_, response) => response.end('from behind')))
const proxy = httpProxy.createProxyServer({ target })

export const { use, inClone } = await served((...args) => proxy.web(...args), '/', 'from behind')
