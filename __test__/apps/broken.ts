import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { App } from './app.js'
import { GREETING } from './content.js'
import { handle } from './plain.js'

/** The requests that it can answer wrong, each in a way of its own. */
const WRONGS: Record<string, RequestListener> = {
  // The body.
  '/hello': (_, response) => response.writeHead(200, { 'Content-Type': 'text/plain' }).end('HELLO\n'),
  // A header more.
  '/json/7?a=1&b=%C3%A4': (request, response) => {
    response.setHeader('X-Wrong', 'yes')
    handle(request, response)
  },
  // The status.
  '/error': (_, response) => response.writeHead(503, { 'Content-Type': 'text/plain' }).end('an error\n'),
  // An end before the time.
  '/download': (_, response) => {
    response.setHeader('Content-Length', 10)
    response.write(GREETING, () => response.destroy())
  },
  // No answer.
  '/async': (request) => request.socket.destroy(),
  // The connection.
  '/compressed': (request, response) => {
    response.shouldKeepAlive = false
    handle(request, response)
  },
  // Bytes that belong to no answer.
  '/missing': (request, response) => {
    const { socket } = request
    response.once('finish', () => socket.write('wrong'))
    handle(request, response)
  },
}

/** Proves that a comparison can fail: with `wrong`, it answers like {@link http}, but wrong. */
export function broken(wrong: boolean): App {
  return {
    scheme: 'http',
    async start(port, host) {
      const server = createServer((request, response) => {
        const wrongly = wrong && WRONGS[request.url ?? '']
        if (wrongly) wrongly(request, response)
        else handle(request, response)
      })
      await once(server.listen(port, host), 'listening')
      return server
    },
  }
}
