import { readFileSync } from 'node:fs'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { CERTIFICATE } from '../apps/content.js'
import { BODIES, GREETED } from './bodies.js'
import { inWords, type Seen } from './seen.js'
import { originOf, type Target } from './target.js'

interface Case {
  readonly what: string
  readonly path: string
  readonly upload?: Buffer
  readonly answer: string
}

const AT_ONCE = 4
const REQUEST_LIMIT_MS = 20_000

const CASES: readonly Case[] = [
  { what: 'load', path: '/hello', answer: GREETED },
  { what: 'load of 1 KiB uploads', path: '/upload', upload: BODIES.small.bytes, answer: BODIES.small.answer },
  {
    what: 'load of 300 KiB uploads',
    path: '/upload',
    upload: BODIES.medium.bytes,
    answer: BODIES.medium.answer,
  },
]

/**
Tests a server with Node's own client, `seconds` per case. The client keeps connections until a reply closes them.
*/
export async function seeByAgent(target: Target, seconds: number): Promise<Seen[]> {
  const seen: Seen[] = []
  for (const one of CASES) seen.push(await seeLoad(one, target, seconds))
  return seen
}

async function seeLoad(one: Case, target: Target, seconds: number): Promise<Seen> {
  const options = { keepAlive: true, maxSockets: AT_ONCE }
  const agent =
    target.scheme === 'https'
      ? new HttpsAgent({ ...options, ca: readFileSync(CERTIFICATE) })
      : new HttpAgent(options)
  const end = performance.now() + seconds * 1000
  const results = new Map<string, number>()
  const work = async () => {
    while (performance.now() < end) {
      const result = await ask(one, target, agent).catch((error: Error) => error.message)
      results.set(result, (results.get(result) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  agent.destroy()
  const expected = { results: `200 ${one.answer}` }
  const requests = results.get(expected.results) ?? 0
  const facts = { results: [...results.keys()].sort().join('\n') }
  return { what: one.what, requests, facts, expected, mayClose: false }
}

function ask({ path, upload }: Case, target: Target, agent: HttpAgent): Promise<string> {
  const request = target.scheme === 'https' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const asked = request(`${originOf(target)}${path}`, {
      agent,
      method: upload ? 'POST' : 'GET',
      headers: upload ? { 'Content-Length': upload.length } : {},
      signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    })
    asked.once('error', reject)
    asked.once('response', (response) => {
      buffer(response).then((body) => resolve(`${response.statusCode} ${inWords(body)}`), reject)
    })
    asked.end(upload)
  })
}
