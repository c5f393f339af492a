import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { App } from './app.js'
import { GREETING } from './content.js'
import { handle } from './plain.js'

/** Requests that can be answered wrongly, each in its own way. */
const WRONGS: Record<string, RequestListener> = {
  // Wrong body.
  '/hello': (_, response) => response.writeHead(200, { 'Content-Type': 'text/plain' }).end('HELLO\n'),
  // Extra header.
  '/json/7?a=1&b=%C3%A4': (request, response) => {
    response.setHeader('X-Wrong', 'yes')
    handle(request, response)
  },
  // Wrong status.
  '/error': (_, response) => response.writeHead(503, { 'Content-Type': 'text/plain' }).end('an error\n'),
  // Premature end.
  '/download': (_, response) => {
    response.setHeader('Content-Length', 10)
    response.write(GREETING, () => response.destroy())
  },
  // No answer.
  '/async': (request) => request.socket.destroy(),
  // Closed connection.
  '/compressed': (request, response) => {
    response.shouldKeepAlive = false
    handle(request, response)
  },
  // Bytes after the answer.
  '/missing': (request, response) => {
    const { socket } = request
    response.once('finish', () => socket.write('wrong'))
    handle(request, response)
  },
}

/** Proves that a comparison can fail: answers like {@link http}, but wrongly if `wrong`. */
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
