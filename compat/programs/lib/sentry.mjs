import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import * as Sentry from '@sentry/node'
import { listen } from './http.mjs'

/** Reports errors to a local server; in a clone, with the clone's own client. */
export async function reported(options) {
  const ids = []
  const server = createServer(async (request, response) => {
    const { event_id: id } = JSON.parse((await text(request)).split('\n', 1)[0])
    if (id) ids.push(id)
    response.end('{}')
  })
  const url = await listen(server)
  const dsn = `${url.replace('//', '//key@')}/1`
  const init = () => Sentry.init({ dsn, sendClientReports: false, ...options })
  init()

  async function use() {
    const id = Sentry.captureException(new Error('seen'))
    assert.ok(await Sentry.flush(8_000))
    return id
  }
  async function inClone() {
    init()
    return await use()
  }
  function after(inClones) {
    assert.equal(new Set(ids).size, ids.length, 'reported twice')
    for (const id of inClones) assert.ok(ids.includes(id), 'never reported')
  }
  return { use, inClone, after }
}
