import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BODIES, type Body, COLLECTED_BYTES, DOWNLOADED, GREETED } from './bodies.js'
import { curl, type Transfer, type Transferred } from './curl.js'
import { inFolder } from './folder.js'
import { type Facts, inWords, type Seen, see, undated } from './seen.js'
import type { Target } from './target.js'

/** Transfer, and its expected result. */
interface Asked extends Transfer {
  readonly status: number
  readonly body?: string
  /** Whether its body is still arriving when the clone is made. */
  readonly isLate?: boolean
  /** Whether the client leaves in the middle, so that the amount received varies. */
  readonly leaves?: boolean
}

interface Case {
  readonly what: string
  readonly asked: readonly Asked[]
  /**
  Whether it needs a direct connection: a server that closes before reading the whole body makes a proxy fail too.
  */
  readonly isDirect?: boolean
  /** Whether it spends most of its time waiting. */
  readonly slow?: boolean
}

const LIMIT_MS = 60_000
const TIMED_OUT = 28
/** Node refuses a TLS handshake with ALPN `http/1.0`. */
const HTTP_1_0 = ['--http1.0', '--no-alpn']

const hello: Asked = { path: '/hello', status: 200, body: GREETED }
const head: Asked = { path: '/hello', status: 200, body: inWords(''), args: ['--head'] }
const json: Asked = { path: '/json/7?a=1&b=%C3%A4', status: 200 }
const asynchronous: Asked = { path: '/async', status: 200 }
const failing: Asked = { path: '/error', status: 500 }
const missing: Asked = { path: '/missing', status: 404 }
const download: Asked = { path: '/download', status: 200, body: DOWNLOADED }
const compressed: Asked = { path: '/compressed', status: 200, args: ['--compressed'] }
const gzipped: Asked = { path: '/compressed', status: 200, args: ['--header', 'Accept-Encoding: gzip'] }

/** Each route alone, with each kind of request, and several over one connection. */
function cases(folder: string): Case[] {
  const { none, small, medium, large } = BODIES
  const upload = ({ name, bytes, answer }: Body, ...args: string[]): Asked => ({
    path: '/upload',
    status: 200,
    body: answer,
    isLate: bytes.length > COLLECTED_BYTES,
    args: args.map((arg) => arg.replace('FILE', join(folder, name))),
  })
  const put = (body: Body, ...args: string[]) =>
    upload(body, '--request', 'POST', '--upload-file', 'FILE', ...args)
  const post = (body: Body, ...args: string[]) => upload(body, '--data-binary', '@FILE', ...args)
  const chunked = ['--header', 'Transfer-Encoding: chunked']
  const unexpecting = ['--header', 'Expect:']
  const expecting = ['--header', 'Expect: 100-continue']
  return [
    alone('GET /hello', hello),
    alone('GET /json', json),
    alone('GET /async', asynchronous),
    alone('GET /error', failing),
    alone('GET /missing', missing),
    alone('GET /download', download),
    slow('GET /download, read slowly', { ...download, args: ['--limit-rate', '8M'] }),
    alone('GET /compressed', compressed),
    alone('GET /compressed, gzip', gzipped),
    alone('GET /compressed, as it is', { ...compressed, args: [] }),
    alone('HEAD /hello', head),
    alone('GET /hello, HTTP/1.0', { ...hello, args: HTTP_1_0 }),
    alone('GET /async, HTTP/1.0', { ...asynchronous, args: HTTP_1_0 }),
    alone('GET /download, HTTP/1.0', { ...download, args: HTTP_1_0 }),
    ...[none, small, medium, large].flatMap((body) => [
      alone(`POST ${body.name}, --upload-file`, put(body)),
      alone(`POST ${body.name}, --data-binary`, post(body)),
    ]),
    // curl does not send the end of an empty chunked body.
    ...[small, medium, large].map((body) => alone(`POST ${body.name}, chunked`, put(body, ...chunked))),
    ...[small, large].map((body) =>
      alone(`POST ${body.name}, 100-continue`, { ...post(body, ...expecting), isLate: true }),
    ),
    alone('POST 300 KiB, HTTP/1.0', post(medium, ...HTTP_1_0)),
    slow('POST 300 KiB, sent slowly', put(medium, '--limit-rate', '300K')),
    ...[medium, large].map((body) => ({
      ...alone(`POST ${body.name} to /missing`, { ...unanswered(post(body, ...unexpecting)), ...missing }),
      isDirect: true,
    })),
    {
      what: 'one connection, reads',
      asked: [hello, json, compressed, asynchronous, missing, failing, download, hello, head, hello],
    },
    {
      what: 'one connection, reads and uploads',
      asked: [hello, post(small), hello, put(large), hello, put(medium, ...chunked), json, post(none), hello],
    },
    slow(
      'goes away while it reads',
      { ...download, args: ['--limit-rate', '2M', '--max-time', '1.5'], leaves: true },
      hello,
    ),
    slow(
      'goes away while it sends',
      { ...put(large, '--limit-rate', '2M', '--max-time', '1.5'), leaves: true },
      hello,
    ),
  ]
}

/** Removes the expected answer from a transfer. */
function unanswered({ body: _, ...asked }: Asked): Asked {
  return asked
}

function alone(what: string, asked: Asked): Case {
  return { what, asked: [asked] }
}

function slow(what: string, ...asked: Asked[]): Case {
  return { what, asked, slow: true }
}

/** Tests a server with curl. @param isDirect Whether there is no proxy in between. */
export function seeByCurl(target: Target, isDirect = true): Promise<Seen[]> {
  return inFolder(async (folder) => {
    for (const { name, bytes } of Object.values(BODIES)) writeFileSync(join(folder, name), bytes)
    const all = cases(folder).filter((one) => isDirect || !one.isDirect)
    const look = (one: Case) => inFolder((own) => seeCase(one, target, own, isDirect))
    const slow = Promise.all(all.filter(({ slow }) => slow).map(look))
    const seen: Seen[] = []
    for (const one of all.filter(({ slow }) => !slow)) seen.push(await look(one))
    return [...seen, ...(await slow)]
  })
}

function seeCase({ what, asked }: Case, target: Target, folder: string, isDirect: boolean): Promise<Seen> {
  const mayClose = isDirect && (target.scheme === 'https' || asked.some(({ isLate }) => isLate))
  const expected = named(asked, ({ status, body, leaves = false }): Facts => {
    if (leaves) return { exit: `${TIMED_OUT}` }
    return { exit: '0', status: `${status}`, ...(body !== undefined && { body }) }
  })
  return see({ what, requests: asked.length, expected, mayClose }, LIMIT_MS, async (signal) => {
    const transferred = await curl(target, asked, folder, signal)
    return named(asked, (one, i) => factsOf(one, transferred[i]))
  })
}

function factsOf({ leaves = false, isLate = false }: Asked, transferred: Transferred | undefined): Facts {
  if (!transferred) return { exit: 'none' }
  const { exit, status, version, connects, heads, body } = transferred
  // A client that leaves while sending gets no answer.
  if (leaves && isLate) return { exit: `${exit}` }
  const head = { exit: `${exit}`, status: `${status}`, version, connects: `${connects}`, head: headOf(heads) }
  return leaves ? head : { ...head, body: inWords(body) }
}

function headOf(heads: string[]): string {
  return heads.map(undated).join('\n\n')
}

/** Facts of all transfers, numbered if there are several. */
function named(asked: readonly Asked[], facts: (one: Asked, i: number) => Facts): Facts {
  const entries = asked.flatMap((one, i) =>
    Object.entries(facts(one, i)).map(([name, fact]) => [
      asked.length === 1 ? name : `${i + 1}: ${name}`,
      fact,
    ]),
  )
  return Object.fromEntries(entries)
}
