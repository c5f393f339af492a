// package: undici
// parent: posts to a server of its own
// clone: posts by an agent of its own
import assert from 'node:assert/strict'
import { Agent, request } from 'undici'
import { counting, unique } from './lib/http.mjs'

const { url, after } = await counting()
async function post(dispatcher) {
  const body = unique()
  const response = await request(url, { method: 'POST', body, dispatcher })
  assert.equal(await response.body.text(), body)
}
const agent = new Agent()

export const use = () => post(agent)
export const inClone = () => post(new Agent())
export { after }
