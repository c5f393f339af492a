// package: axios
// parent: posts to a server of its own
// clone: posts to it
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import axios from 'axios'
import { counting, unique } from './lib/http.mjs'

const { url, after } = await counting()
const client = axios.create({
  httpAgent: new Agent({ keepAlive: true }),
  headers: { 'content-type': 'text/plain' },
})

export async function use() {
  const body = unique()
  assert.equal((await client.post(url, body, { responseType: 'text' })).data, body)
}
export const inClone = use
export { after }
