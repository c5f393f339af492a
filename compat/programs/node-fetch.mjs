// package: node-fetch
// parent: posts to a server of its own
// clone: posts to it
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import fetch from 'node-fetch'
import { counting, unique } from './lib/http.mjs'

const { url, after } = await counting()
const agent = new Agent({ keepAlive: true })

export async function use() {
  const body = unique()
  assert.equal(await (await fetch(url, { method: 'POST', body, agent })).text(), body)
}
export const inClone = use
export { after }
