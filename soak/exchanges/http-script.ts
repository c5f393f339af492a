import { mutate } from '../../harness/messages/mutate.js'
import type { Random } from '../../harness/random.js'
import { type Act, type Ask, pathOf } from './ask.js'
import { type Door, type Kind, MAX_BUFFERED_BODY } from './doors.js'
import { type Ending, type Script, type Sent, Tape, weighted } from './script.js'
import { filled, type Owner, patternOf, tokenOf } from './token.js'

const COUNTS = [1, 1, 2, 2, 3, 4, 6, 8]
const SIZES = [0, 1, 20, 20, 100, 100, 100, 999, 4000]
const LARGE_SIZES = [65_535, 65_536, 65_537, 200_000, 1_200_000]
const BODIES = [0, 1, 2, 10, 10, 100, 100, 998, 999, 1000, 1001, 1500, 5000]
const LARGE_BODIES = [65_535, 65_536, 65_537, 70_000, 200_000]
const HUGE_BODIES = [
  MAX_BUFFERED_BODY - 1,
  MAX_BUFFERED_BODY,
  MAX_BUFFERED_BODY + 1,
  MAX_BUFFERED_BODY + 70_000,
]
const STALL_MS = 3000

const ACTS: Readonly<Partial<Record<Act, number>>> = {
  'at-once': 24,
  later: 14,
  echo: 24,
  pipe: 8,
  early: 5,
  stream: 8,
  empty: 4,
  close: 2,
  length: 6,
  trailers: 3,
  hints: 2,
  throw: 3,
  reject: 2,
  die: 3,
  'die-later': 2,
  'die-within': 2,
  exit: 1,
  never: 1,
  destroy: 1,
  'destroy-within': 1,
}
/** Actions that a parent can perform. */
const HARMLESS: readonly Act[] = ['at-once', 'later', 'echo', 'pipe', 'stream', 'empty', 'length', 'trailers']
const FRAMINGS = { length: 60, chunked: 40 }
const ENDINGS: Readonly<Record<Exclude<Ending, 'stall'>, number>> = {
  close: 68,
  garbage: 10,
  'half-close': 9,
  reset: 6,
  cut: 7,
}

const GARBAGE = [
  'GARBAGE\r\n\r\n',
  '\r\n\r\n\r\nGET\r\n\r\n',
  'GET / HTTP/1.1\r\nhost a\r\n\r\n',
  'GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n',
  'GET / HTTP/3.9\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  '\u0000\u0001\u0002\u0003',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(17_000)}\r\n\r\n`,
  `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
]

/** Script of requests on one connection. */
export function httpScript(kind: Kind, door: Door, owner: Owner, random: Random): Script {
  const tape = new Tape(random)
  let count = random.pick(COUNTS)
  let ending: Ending = door.hasty && random.oneIn(4) ? 'stall' : weighted(random, ENDINGS)
  const inTurn = random.oneIn(3)
  const sent: Sent[] = []
  let isOdd = false
  let endsEarly = false
  let goesOn = false
  let told = 0
  if (random.oneIn(10)) tape.pause(random.below(40))
  for (let index = 0; index < count; index++) {
    const request = draw(random, door, owner, index)
    if (request.ask.act === 'never') {
      // Never answered; ends when its client leaves.
      count = index + 1
      ending = random.oneIn(2) ? 'reset' : 'half-close'
    }
    if (request.version === '1.0' && !request.keepsAlive && !random.oneIn(4)) count = index + 1
    const isLast = index === count - 1
    // Node closes the connection after an HTTP/1.0 response without a length.
    goesOn ||= !isLast && (request.version === '1.0' || request.ask.act === 'close')
    // Node interleaves `100 Continue` with pending answers.
    if (request.expects && !isOdd && index > 0) tape.play({ do: 'until', answers: index })
    sent.push(request)
    const { head, body } = bytesOf(random, request, owner, index, isLast && ending === 'close')
    if (ending === 'cut' || ending === 'stall') {
      if (isLast) {
        const whole = Buffer.concat([head, body])
        const cut = whole.subarray(0, 1 + random.below(whole.length - 1))
        tape.add(cut)
        break
      }
    }
    tape.add(head)
    if (request.expects) {
      const way = random.below(4)
      if (way < 2 && !isOdd) tape.play({ do: 'until-told', interim: ++told, answers: index + 1 })
      if (way === 2) tape.play({ do: 'turn' })
    }
    if (body.length > 0) {
      const isChanged = random.oneIn(60)
      isOdd ||= isChanged
      tape.add(isChanged ? mutate(random, body, head) : body)
    }
    // The number of answers to altered bytes is unknown.
    if (!isLast && !isOdd && (inTurn || random.oneIn(6))) tape.play({ do: 'until', answers: index + 1 })
    else if (!isLast && random.oneIn(6)) tape.play({ do: 'wait', ms: 1 + random.below(4) })
  }
  if (ending === 'garbage') {
    if (!isOdd && random.oneIn(3)) tape.play({ do: 'until', answers: count })
    tape.add(garbageOf(random))
  }
  tape.play()
  tape.resume()
  if (ending === 'half-close' || ending === 'cut' || isOdd) {
    const way = random.below(4)
    const waits = way < 2 && !isOdd && sent.at(-1)?.ask.act !== 'never'
    // If a request is cut off, some handlers answer with the part that has arrived.
    endsEarly = !waits || ending === 'cut'
    if (waits) tape.play({ do: 'until', answers: ending === 'cut' ? count - 1 : count })
    if (way === 2) tape.play({ do: 'wait', ms: random.below(5) })
    tape.play({ do: ending === 'cut' && random.oneIn(2) ? 'reset' : 'end' })
  }
  if (ending === 'stall') endsEarly = true
  if (ending === 'stall') tape.play({ do: 'wait', ms: STALL_MS }, { do: 'end' })
  if (ending === 'reset') tape.play({ do: 'wait', ms: random.below(6) }, { do: 'reset' })
  return {
    kind,
    owner,
    door,
    bytes: tape.bytes(),
    steps: tape.steps,
    sent,
    ending,
    isOdd,
    isRefused: false,
    endsEarly,
    goesOn,
    cutBytes: random.oneIn(3) ? 40 + random.below(600) : Infinity,
  }
}

function draw(random: Random, door: Door, owner: Owner, index: number): Sent {
  const method = weighted(random, { GET: 50, POST: 36, HEAD: 7, PUT: 4, DELETE: 3 })
  const hasBody = method === 'POST' || method === 'PUT' || (method === 'DELETE' && random.oneIn(2))
  let act = weighted(random, ACTS)
  // A server with half-open connections does not notice that a client leaves.
  if (act === 'never' && door.halfOpen) act = 'later'
  // The response to a HEAD request is sent only at its end.
  if (act === 'die-within' && method === 'HEAD') act = 'die'
  if (act === 'destroy-within' && method === 'HEAD') act = 'destroy'
  const byParent = HARMLESS.includes(act) && random.oneIn(4)
  const ask: Ask = {
    act,
    token: tokenOf(owner, index),
    size: random.oneIn(25) ? random.pick(LARGE_SIZES) : random.pick(SIZES),
    wait: random.oneIn(12) ? random.below(25) : random.below(3),
    byParent,
  }
  const bodyBytes = hasBody ? drawBody(random, door) : 0
  const version = random.oneIn(16) ? '1.0' : '1.1'
  return {
    ask,
    method,
    version,
    keepsAlive: version === '1.0' && random.oneIn(2),
    bodyBytes,
    expects: bodyBytes > 0 && version === '1.1' && random.oneIn(14),
  }
}

function drawBody(random: Random, door: Door): number {
  if (door.maxBufferedBody === undefined && random.oneIn(60)) return random.pick(HUGE_BODIES)
  return random.oneIn(16) ? random.pick(LARGE_BODIES) : random.pick(BODIES)
}

function bytesOf(random: Random, request: Sent, owner: Owner, index: number, closes: boolean) {
  const { ask, method, version, bodyBytes, expects, keepsAlive } = request
  const text = filled(patternOf(owner, index), bodyBytes)
  const isChunked = bodyBytes > 0 && version === '1.1' && weighted(random, FRAMINGS) === 'chunked'
  const headers = [
    `${method} ${pathOf(ask)} HTTP/${version}`,
    'host: a',
    ...(closes ? ['connection: close'] : []),
    ...(keepsAlive && !closes ? ['connection: keep-alive'] : []),
    ...(expects ? ['expect: 100-continue'] : []),
    ...(random.oneIn(30) ? [`x-large: ${'x'.repeat(random.below(9000))}`] : []),
    ...(isChunked ? ['transfer-encoding: chunked'] : []),
    ...(!isChunked && (bodyBytes > 0 || method === 'POST') ? [`content-length: ${bodyBytes}`] : []),
  ]
  return {
    head: Buffer.from(`${headers.join('\r\n')}\r\n\r\n`, 'latin1'),
    body: Buffer.from(isChunked ? chunked(random, text) : text, 'latin1'),
  }
}

function chunked(random: Random, text: string): string {
  const parts: string[] = []
  const most = random.pick([7, 100, 1000, 70_000])
  const least = Math.ceil(text.length / 40)
  for (let at = 0; at < text.length; ) {
    const chunk = text.slice(at, at + least + random.below(most))
    if (chunk.length === 0) continue
    const extension = random.oneIn(20) ? ';a=b' : ''
    parts.push(`${chunk.length.toString(16)}${extension}\r\n${chunk}\r\n`)
    at += chunk.length
  }
  const trailer = random.oneIn(6) ? `x-trailer: ${random.below(100)}\r\n` : ''
  return `${parts.join('')}0\r\n${trailer}\r\n`
}

function garbageOf(random: Random): Buffer {
  if (random.oneIn(4))
    return Buffer.from(Array.from({ length: 1 + random.below(40) }, () => random.below(256)))
  return Buffer.from(random.pick(GARBAGE), 'latin1')
}
