import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { BODIES } from './bodies.js'
import { open } from './raw.js'
import { readReply } from './reply.js'
import { post, read } from './requests.js'
import { type Facts, inWords, type Seen, see } from './seen.js'
import type { Target } from './target.js'

interface Case {
  readonly what: string
  readonly requests: number
  readonly expected: Facts
  act(target: Target): Promise<Facts>
}

const LIMIT_MS = 30_000
/** Node's default, and its tolerance: one second from Node 24 on, plus the timer's own delay. */
const KEEP_ALIVE_MS = 5000
const KEEP_ALIVE_TOLERANCE_MS = 4000
const AT_ONCE = 8

const hello = read('/hello')
const ANSWERED = { status: '200' }

/** Connection events besides requests and replies. */
const CASES: readonly Case[] = [
  {
    what: 'the client has ended its side, answered at once',
    requests: 1,
    expected: { ...ANSWERED, end: 'closed' },
    act: (target) => afterEnd(target, '/hello'),
  },
  {
    // Node drops a request that is still unanswered then.
    what: 'the client has ended its side, answered later',
    requests: 0,
    expected: { end: 'closed' },
    act: (target) => afterEnd(target, '/async'),
  },
  {
    what: 'reset before the answer',
    requests: 2,
    expected: ANSWERED,
    act: (target) => afterReset(target, read('/async').bytes, 0),
  },
  {
    what: 'reset while it reads',
    requests: 2,
    expected: ANSWERED,
    act: (target) => afterReset(target, read('/download').bytes, 2 ** 20),
  },
  {
    what: 'reset while it sends',
    requests: 1,
    expected: ANSWERED,
    act: (target) => afterReset(target, halves(post(BODIES.large.bytes).bytes)[0], 0),
  },
  {
    what: 'another is answered while a body arrives',
    requests: 2,
    expected: { ...ANSWERED, ofOther: '200', body: BODIES.medium.answer },
    act: (target) =>
      connected(target, async (socket, source) => {
        const [first, second] = halves(post(BODIES.medium.bytes).bytes)
        socket.write(first)
        const other = await ask(target)
        socket.write(second)
        const reply = await readReply(source, 'POST')
        return { ...statusOf(reply), ofOther: other.status ?? '', body: inWords(reply?.body ?? '') }
      }),
  },
  {
    what: `${AT_ONCE} at once`,
    requests: AT_ONCE,
    expected: { statuses: Array(AT_ONCE).fill('200').join(' ') },
    act: async (target) => {
      const all = await Promise.all(Array.from({ length: AT_ONCE }, () => ask(target, '/async')))
      return { statuses: all.map(({ status }) => status).join(' ') }
    },
  },
]

export async function seeConnections(target: Target): Promise<Seen[]> {
  const seen: Seen[] = []
  for (const { what, requests, expected, act } of CASES) {
    seen.push(await see({ what, requests, expected, mayClose: false }, LIMIT_MS, () => act(target)))
  }
  return seen
}

/** Measures when an unused connection is closed, which takes a while. */
export function seeIdle(target: Target): Promise<Seen> {
  const seen = { what: 'nothing is asked any more', requests: 1, expected: ANSWERED, mayClose: true }
  return see(seen, LIMIT_MS, () =>
    connected(target, async (socket, source) => {
      socket.write(hello.bytes)
      const reply = await readReply(source, 'GET')
      const begun = performance.now()
      const isOver = await Promise.race([source.rest(), delay(KEEP_ALIVE_MS + KEEP_ALIVE_TOLERANCE_MS)])
      const early = performance.now() - begun < KEEP_ALIVE_MS - 1000
      const end = !isOver ? 'kept' : early ? 'closed early' : 'closed in time'
      return { ...statusOf(reply), head: reply?.closes ? 'Connection: close' : 'Connection: keep-alive', end }
    }),
  )
}

/** Sends a request, then ends the client's side. */
function afterEnd(target: Target, path: string): Promise<Facts> {
  return connected(target, async (socket, source) => {
    socket.end(read(path).bytes)
    const reply = await readReply(source, 'GET')
    const surplus = await source.rest()
    return { ...statusOf(reply), surplus: inWords(surplus), end: source.ending ?? 'kept' }
  })
}

/** Sends `bytes`, reads `taken` bytes of the answer, resets the connection, then sends a request on another. */
async function afterReset(target: Target, bytes: Buffer, taken: number): Promise<Facts> {
  await connected(target, async (socket, source) => {
    await new Promise((resolve) => socket.write(bytes, resolve))
    let left = taken
    for await (const { length } of source.pieces(taken)) left -= length
    // A TLS socket cannot reset. Also, a Node process never ends if it resets a connection that the peer has closed.
    if (target.scheme === 'http' && source.ending === undefined) socket.resetAndDestroy()
    else socket.destroy()
    return { left: `${left}` }
  })
  return ask(target)
}

/** Sends a request on a new connection. */
function ask(target: Target, path = '/hello'): Promise<Facts> {
  return connected(target, async (socket, source) => {
    socket.write(read(path).bytes)
    return statusOf(await readReply(source, 'GET'))
  })
}

async function connected(
  target: Target,
  act: (socket: Socket, source: Awaited<ReturnType<typeof open>>['source']) => Promise<Facts>,
): Promise<Facts> {
  const { socket, source } = await open(target)
  try {
    return await act(socket, source)
  } finally {
    socket.destroy()
  }
}

function statusOf(reply: { status: number } | undefined): Facts {
  return { status: `${reply?.status ?? 'none'}` }
}

function halves(bytes: Buffer): [Buffer, Buffer] {
  const middle = Math.floor(bytes.length / 2)
  return [bytes.subarray(0, middle), bytes.subarray(middle)]
}
