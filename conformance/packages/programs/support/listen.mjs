import { once } from 'node:events'

/** Has a server listen on loopback. Gives its URL. */
export async function listen(server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${server.address().port}`
}

export const closed = (server) => new Promise((resolve) => server.close(resolve))
