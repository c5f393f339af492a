// package: superagent
// parent: posts to a server of its own
// clone: posts to it
import assert from 'node:assert/strict'
import superagent from 'superagent'
import { counting, unique } from './lib/http.mjs'

const { url, after } = await counting()

export async function use() {
  const body = unique()
  const response = await superagent
    .post(url)
    .type('text/plain')
    .buffer(true)
    .parse(superagent.parse.text)
    .send(body)
  assert.equal(response.text ?? response.body, body)
}
export const inClone = use
export { after }
