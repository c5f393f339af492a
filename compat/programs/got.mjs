// package: got
// parent: posts to a server of its own
// clone: posts to it
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import got from 'got'
import { counting, unique } from './lib/http.mjs'

const { url, after } = await counting()
const client = got.extend({ agent: { http: new Agent({ keepAlive: true }) } })

export async function use() {
  const body = unique()
  assert.equal(await client.post(url, { body }).text(), body)
}
export const inClone = use
export { after }
