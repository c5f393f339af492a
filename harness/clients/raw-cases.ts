import { BODIES, COLLECTED_BYTES, DOWNLOADED } from './bodies.js'
import { seeConnections, seeIdle } from './connections.js'
import { exchange, type Pipelined, type Request } from './raw.js'
import type { Reply } from './reply.js'
import { bytes, inPieces, post, postChunks, postOnDemand, read, request } from './requests.js'
import { type Facts, inWords, type Seen, see, undated } from './seen.js'
import type { Target } from './target.js'

interface Case {
  readonly what: string
  readonly requests: readonly Request[]
  /** Statuses of the replies, if they do not depend on how Node reads pipelined requests. */
  readonly statuses?: string
  readonly pipelined?: Pipelined
  /** Requests that Node itself refuses. */
  readonly refused?: number
  readonly expected?: Facts
}

const LIMIT_MS = 60_000
/** Prime, so that it divides no size. */
const ODD_BYTES = 997

const hello = read('/hello')
/** Sent after another request, to show that the connection still works. */
const after = read('/hello?after')
const json = read('/json/7?a=1&b=%C3%A4')
const asynchronous = read('/async')
const failing = read('/error')
const missing = read('/missing')
const download = read('/download')
const compressed = read('/compressed', 'Accept-Encoding: gzip')
const head = request('HEAD', '/hello', [])
const closing = read('/hello', 'Connection: close')
const broken = bytes('GARBAGE\r\n\r\n')
const [none, small, medium, large] = Object.values(BODIES).map((body) => body.bytes) as Four<Buffer>
type Four<T> = [T, T, T, T]

/** One request on its own connection, followed by another that shows that the connection is kept. */
const ALONE: readonly Case[] = [
  kept('GET /hello', hello),
  kept('GET /json', json),
  kept('GET /async', asynchronous),
  kept('GET /error', failing, 500),
  kept('GET /missing', missing, 404),
  { ...kept('GET /download', download), expected: { '1: body': DOWNLOADED } },
  kept('GET /compressed', compressed),
  kept('GET /compressed, as it is', read('/compressed')),
  kept('HEAD /hello', head),
  kept('HEAD /missing', request('HEAD', '/missing', []), 404),
  kept('OPTIONS /missing', request('OPTIONS', '/missing', []), 404),
  kept('GET /hello in pieces of 1 byte', inPieces(hello, 1)),
  kept('GET /hello with an upgrade that nobody takes', read('/hello', 'Connection: upgrade', 'Upgrade: h2c')),
  kept('GET /hello with a large header', read('/hello', `X-Large: ${'x'.repeat(12_000)}`)),
  kept('POST 0 B', post(none)),
  kept('POST 1 KiB', post(small)),
  kept('POST 300 KiB', post(medium)),
  kept('POST 20 MiB', post(large)),
  kept('POST 1 KiB in pieces', inPieces(post(small), 100)),
  kept('POST 0 B in chunks', postChunks(none, ODD_BYTES)),
  kept('POST 1 KiB in chunks', postChunks(small, ODD_BYTES)),
  kept('POST 300 KiB in chunks', postChunks(medium, ODD_BYTES)),
  kept('POST 1 KiB in chunks, in pieces', inPieces(postChunks(small, 10), 97)),
  kept('POST 1 KiB, 100-continue', postOnDemand(small)),
  kept('POST 20 MiB, 100-continue', postOnDemand(large)),
  kept('POST 300 KiB to /missing', post(medium, '/missing'), 404),
  kept('POST 20 MiB to /missing', post(large, '/missing'), 404),
  kept('POST 1 KiB to /missing, in pieces', inPieces(post(small, '/missing'), 100), 404),
]

const ENDING: readonly Case[] = [
  { what: 'GET /hello, close', requests: [closing], statuses: '200' },
  { what: 'GET /download, close', requests: [read('/download', 'Connection: close')], statuses: '200' },
  { what: 'GET /hello, HTTP/1.0', requests: [request('GET', '/hello', [], '1.0')], statuses: '200' },
  {
    what: 'GET /json, HTTP/1.0, keep-alive',
    requests: [request('GET', '/json/1', ['Connection: keep-alive'], '1.0'), after],
    statuses: '200 200',
  },
  { what: 'GET /download, HTTP/1.0', requests: [request('GET', '/download', [], '1.0')], statuses: '200' },
  { what: 'no request', requests: [broken], statuses: '400', refused: 1 },
  {
    what: 'no host',
    requests: [bytes('GET /hello HTTP/1.1\r\n\r\n')],
    statuses: '400',
    refused: 1,
  },
  {
    what: 'a header that is too large',
    requests: [read('/hello', `X-Large: ${'x'.repeat(20_000)}`)],
    statuses: '431',
    refused: 1,
  },
  { what: 'CONNECT', requests: [request('CONNECT', 'localhost:1', [])], statuses: '', refused: 1 },
]

const READS_AND_UPLOADS = [
  hello,
  post(small),
  json,
  post(medium),
  hello,
  postChunks(medium, ODD_BYTES),
  post(none),
  hello,
]
const ROUTES = [hello, json, asynchronous, failing, missing, compressed, head]
const OF_ROUTES = '200 200 200 500 404 200 200'

const SEVERAL: readonly Case[] = [
  { what: 'all routes, in turn', requests: [...ROUTES, download, hello], statuses: `${OF_ROUTES} 200 200` },
  {
    what: 'all routes, pipelined',
    requests: [...ROUTES, download, hello],
    statuses: `${OF_ROUTES} 200 200`,
    pipelined: true,
  },
  {
    what: '20 times /hello, pipelined',
    requests: Array<Request>(20).fill(hello),
    statuses: Array(20).fill(200).join(' '),
    pipelined: true,
  },
  {
    what: 'reads and uploads, in turn',
    requests: READS_AND_UPLOADS,
    statuses: '200 200 200 200 200 200 200 200',
  },
  {
    what: 'reads and uploads, pipelined',
    requests: READS_AND_UPLOADS,
    statuses: '200 200 200 200 200 200 200 200',
    pipelined: true,
  },
  {
    what: 'pipelined, the last closes',
    requests: [hello, asynchronous, closing],
    statuses: '200 200 200',
    pipelined: true,
  },
  { what: 'a request, then none, in turn', requests: [hello, broken], statuses: '200 400', refused: 1 },
  // Node refuses bytes after it in the same read, and drops requests that are unanswered then.
  ...['/hello', '/async'].flatMap((path, i): Case[] => {
    const when = i === 0 ? 'answered at once' : 'answered later'
    const [one, last] = [read(path), read(path, 'Connection: close')]
    const how = { pipelined: true, refused: 3 }
    return [
      { what: `pipelined, the second closes, ${when}`, requests: [one, last, one], ...how },
      { what: `pipelined, the last is no request, ${when}`, requests: [one, one, broken], ...how },
    ]
  }),
  {
    what: 'pipelined in pieces that cut requests',
    requests: [hello, json, post(small), postChunks(small, 10), hello],
    statuses: '200 200 200 200 200',
    pipelined: { piece: 50 },
  },
]

const CASES: readonly Case[] = [...ALONE, ...ENDING, ...SEVERAL]

function kept(what: string, request: Request, status = 200): Case {
  return { what, requests: [request, after], statuses: `${status} 200` }
}

/** Tests a server byte for byte. */
export async function seeBytes(target: Target): Promise<Seen[]> {
  const idle = seeIdle(target)
  const seen: Seen[] = []
  for (const one of CASES) seen.push(await seeCase(one, target))
  return [...seen, ...(await seeConnections(target)), await idle]
}

function seeCase(one: Case, target: Target): Promise<Seen> {
  const { what, requests, statuses, pipelined = false, refused = 0, expected } = one
  const seen = {
    what,
    requests: requests.length - refused,
    expected: { ...(statuses !== undefined && { statuses }), surplus: '""', ...expected },
    mayClose: target.scheme === 'https' || requests.some(isLate),
  }
  return see(seen, LIMIT_MS, async (signal) => {
    const { replies, connects, end, surplus } = await exchange(target, requests, { pipelined, signal })
    return {
      statuses: replies.map(({ status }) => status).join(' '),
      connects: `${connects}`,
      end,
      surplus: inWords(surplus),
      ...Object.fromEntries(replies.flatMap((reply, i) => Object.entries(factsOf(reply, i + 1)))),
    }
  })
}

/** Whether the body is still arriving when the clone is made. */
function isLate({ bytes, afterContinue }: Request): boolean {
  return afterContinue !== undefined || bytes.length > COLLECTED_BYTES
}

function factsOf({ interim, head, body, chunks, whole }: Reply, number: number): Facts {
  return {
    [`${number}: head`]: [...interim, head].map(undated).join('\r\n\r\n'),
    [`${number}: body`]: inWords(body),
    [`${number}: chunks`]: chunks,
    ...(!whole && { [`${number}: whole`]: 'no' }),
  }
}
