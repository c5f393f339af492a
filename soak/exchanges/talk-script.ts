import { kdbSubject } from '../../harness/messages/kdb.js'
import { mutate } from '../../harness/messages/mutate.js'
import { ndjsonSubject } from '../../harness/messages/ndjson.js'
import type { Random } from '../../harness/random.js'
import { type Act, type Ask, pathOf } from './ask.js'
import type { Door, Kind } from './doors.js'
import { type Ending, type Script, type Sent, Tape, weighted } from './script.js'
import { type Owner, tokenOf } from './token.js'

const COUNTS_OF_SESSION = [1, 5, 20, 60, 150, 300]
const COUNTS_OF_QUERIES = [1, 3, 10, 30, 60]
const SIZES = [0, 1, 30, 30, 30, 100, 300, 3000]
const LARGE_SIZES = [65_536, 300_000]

const LINE_ACTS: Readonly<Partial<Record<Act, number>>> = { 'at-once': 900, later: 30 }
const LINE_ENDS: Readonly<Partial<Record<Act, number>>> = {
  close: 60,
  die: 15,
  throw: 8,
  exit: 8,
  destroy: 9,
}
const QUERY_ACTS: Readonly<Partial<Record<Act, number>>> = {
  'at-once': 60,
  later: 10,
  count: 30,
  throw: 5,
  reject: 3,
}
const FATAL_ACTS: Readonly<Partial<Record<Act, number>>> = { die: 5, exit: 2 }
const ENDINGS: Readonly<Partial<Record<Ending, number>>> = {
  'half-close': 60,
  garbage: 15,
  reset: 10,
  cut: 15,
}
/** Number of updates, which make no clone, in ten messages to a server of queries. */
const UPDATES_IN_TEN = 7

/** Script of messages on one connection. */
export function talkScript(kind: Kind, door: Door, owner: Owner, random: Random): Script {
  const tape = new Tape(random)
  const { speaks } = door
  const isLines = speaks === 'lines'
  const count = random.pick(kind === 'queries' ? COUNTS_OF_QUERIES : COUNTS_OF_SESSION)
  let ending: Ending = isLines && random.oneIn(2) ? 'close' : (weighted(random, ENDINGS) as Ending)
  const batch = random.pick([1, 3, 10, 100])
  const sent: Sent[] = []
  let endsEarly = false
  let answers = 0
  // A server with half-open connections does not notice that a client leaves.
  const neverEnds = kind === 'queries' && !door.halfOpen && random.oneIn(20)
  if (neverEnds) ending = random.oneIn(2) ? 'reset' : 'half-close'
  let isRefused = false
  if (speaks === 'kdb') {
    isRefused = random.oneIn(30)
    tape.add(Buffer.from(`${isRefused ? 'nobody' : 'user'}:password\x03\0`))
    answers++
    if (random.oneIn(3)) tape.play({ do: 'until', answers })
  }
  if (isLines && door.forkOn === 'connection') {
    answers++
    if (random.oneIn(3)) tape.play({ do: 'until', answers })
  }
  if (random.oneIn(12)) tape.pause(random.below(40))
  for (let index = 0; index < count; index++) {
    const isLast = index === count - 1
    const isNever = neverEnds && isLast
    const isUpdate = !isLines && !isNever && random.below(10) < (kind === 'queries' ? UPDATES_IN_TEN : 3)
    const drawn = draw(random, door, kind, owner, index, isLast && ending === 'close')
    const ask: Ask = isNever ? { ...drawn, act: 'never' } : drawn
    sent.push({ ask, method: isUpdate ? 'update' : 'query', version: '', bodyBytes: 0, expects: false })
    const bytes = encode(door, ask, isUpdate)
    // Ending a process discards pending writes, in plain Node too.
    const endsClone = !isUpdate && kind === 'sessions' && (ask.act === 'die' || ask.act === 'exit')
    if (endsClone) tape.play({ do: 'until', answers })
    if (isLast && ending === 'cut') {
      tape.add(bytes.subarray(0, 1 + random.below(bytes.length - 1)))
      break
    }
    tape.add(bytes)
    if (!isUpdate) answers++
    if (!isLast && index % batch === batch - 1) {
      if (random.oneIn(2)) tape.play({ do: 'until', answers })
      else if (random.oneIn(3)) tape.play({ do: 'wait', ms: 1 + random.below(3) })
      else tape.play({ do: 'turn' })
    }
  }
  if (ending === 'garbage') tape.add(garbageOf(random, door))
  tape.play()
  tape.resume()
  if (ending === 'half-close' || ending === 'cut' || ending === 'garbage') {
    const waits = !neverEnds && !random.oneIn(5)
    // The last message may be answered.
    endsEarly = !waits || ending === 'garbage'
    if (waits) tape.play({ do: 'until', answers })
    tape.play({ do: ending === 'cut' && random.oneIn(2) ? 'reset' : 'end' })
  }
  if (ending === 'reset') tape.play({ do: 'wait', ms: random.below(6) }, { do: 'reset' })
  return {
    kind,
    owner,
    door,
    bytes: tape.bytes(),
    steps: tape.steps,
    sent,
    ending,
    isOdd: ending === 'garbage',
    isRefused,
    endsEarly,
    goesOn: false,
    cutBytes: random.oneIn(3) ? 40 + random.below(600) : Infinity,
  }
}

function draw(random: Random, door: Door, kind: Kind, owner: Owner, index: number, closes: boolean): Ask {
  const isLines = door.speaks === 'lines'
  const acts = isLines ? (closes ? LINE_ENDS : LINE_ACTS) : isFatal(random, kind) ? fatalOf(kind) : QUERY_ACTS
  return {
    act: weighted(random, acts),
    token: tokenOf(owner, index),
    size: random.oneIn(100) ? random.pick(LARGE_SIZES) : random.pick(SIZES),
    wait: random.oneIn(12) ? random.below(10) : random.below(2),
    byParent: false,
  }
}

function isFatal(random: Random, kind: Kind): boolean {
  return random.oneIn(kind === 'queries' ? 30 : 400)
}

/** Not `never`: a session whose clone never replies has no end. */
function fatalOf(kind: Kind): Readonly<Partial<Record<Act, number>>> {
  return kind === 'queries' ? FATAL_ACTS : { die: 1, exit: 1 }
}

function encode({ speaks }: Door, ask: Ask, isUpdate: boolean): Buffer {
  const text = isUpdate ? ask.token : pathOf(ask)
  if (speaks === 'lines') return Buffer.from(`${text}\n`)
  if (speaks === 'ndjson') return Buffer.from(`{"${isUpdate ? 'update' : 'query'}":"${text}"}\n`)
  const bytes = Buffer.alloc(14 + text.length)
  bytes[0] = 1
  bytes[1] = isUpdate ? 0 : 1
  bytes.writeUInt32LE(bytes.length, 4)
  bytes[8] = 10
  bytes.writeUInt32LE(text.length, 10)
  bytes.write(text, 14, 'latin1')
  return bytes
}

function garbageOf(random: Random, { speaks }: Door): Buffer {
  if (speaks === 'lines') return Buffer.from(`${random.text(40)}\n`)
  const subject = speaks === 'kdb' ? kdbSubject : ndjsonSubject
  const { bytes } = subject.sample(random)
  return random.oneIn(2) && bytes.length > 0 ? mutate(random, bytes, bytes) : bytes
}
