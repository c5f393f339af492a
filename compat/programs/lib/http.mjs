import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { text } from 'node:stream/consumers'

/** Listens on a free port of loopback. @returns the server's URL. */
export async function listen(server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${server.address().port}`
}

/** Sends a request on a new connection. @returns status, headers and body. */
export async function ask(url, { body, ...options } = {}) {
  const sent = request(url, { agent: false, ...options })
  sent.end(body)
  const [response] = await once(sent, 'response')
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

/** Tests `listener`: in the parent behind one server, in each clone behind the clone's own server. */
export async function served(listener, path, expected, options) {
  const check = async (url) => assert.equal((await ask(url + path, options)).body, expected)
  const url = await listen(createServer(listener))
  return { use: () => check(url), inClone: async () => check(await listen(createServer(listener))) }
}

/** Starts a server that counts the bodies it receives, and echoes them. `after` fails if one arrived twice. */
export async function counting() {
  const times = new Map()
  const server = createServer(async (incoming, response) => {
    const body = await text(incoming)
    times.set(body, (times.get(body) ?? 0) + 1)
    response.end(body)
  })
  const after = () =>
    assert.deepEqual(
      [...times].filter(([, count]) => count > 1),
      [],
      'sent twice',
    )
  return { url: await listen(server), after }
}

let serial = 0
/** Text that is unique across processes and calls. */
export const unique = () => `${process.pid}-${++serial}`
