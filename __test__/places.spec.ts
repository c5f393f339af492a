import test from 'ava'
import { Places } from '#dist/parent/admission.js'
import type { Visitor } from '#dist/parent/pacing.js'
import { networkOf } from '#dist/servers/network-of.js'
import { until } from '../harness/processes.js'

const KNOWN: Visitor = { standing: 'known', address: '10.0.0.1' }
const NEW: Visitor = { standing: 'new', address: '10.0.0.1' }
const ELSEWHERE: Visitor = { standing: 'new', address: '10.0.0.2' }

function placesFor(maxClones: number, maxQueue = Number.POSITIVE_INFINITY): Places {
  return new Places(() => ({ maxClones, maxQueue }), 'configure')
}

/** Places of which 10.0.0.1 has lent so many that its new clients are held back, all of them free. */
async function besieged(maxClones = 8, maxQueue?: number): Promise<Places> {
  const places = placesFor(maxClones, maxQueue)
  for (let i = 0; i <= maxClones / 4; i++) {
    const started = await places.take({ client: NEW })
    started?.()
    places.lend(NEW.address)
  }
  await askKnown(places)
  return places
}

/** A known client comes, and its clone ends. */
async function askKnown(places: Places): Promise<void> {
  const started = await places.take({ client: KNOWN })
  started?.()
  places.giveBack()
}

/** Takes places without waiting for them, and notes in which order they come. */
function line(places: Places) {
  const order: string[] = []
  const started: Array<() => void> = []
  const enter = async (name: string, client?: Visitor) => {
    const begun = await places.take({ client })
    order.push(name)
    if (begun) started.push(begun)
  }
  return { order, started, enter }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('new clients of an address with many slow ones wait for each other, and hold back nobody else', async (t) => {
  const places = await besieged()
  const { order, started, enter } = line(places)
  for (let i = 0; i < 4; i++) void enter(`new ${i}`, NEW)
  await settled()
  const together = order.length
  void enter('elsewhere', ELSEWHERE)
  void enter('known', KNOWN)
  void enter('task')
  await settled()
  t.deepEqual(order.slice(together), ['elsewhere', 'known', 'task'])
  t.notThrows(() => places.takeNow())
  places.giveBack()
  await askKnown(places)
  started[0]?.()
  await until('the next one enters', () => order.at(-1) === `new ${together}`)
  t.pass()
})

test('unless no client is slow', async (t) => {
  const places = placesFor(8)
  await askKnown(places)
  const { order, enter } = line(places)
  for (let i = 0; i < 4; i++) void enter(`new ${i}`, NEW)
  await settled()
  t.is(order.length, 4)
})

test('those held back take no room from others in a queue that is bounded', async (t) => {
  const places = await besieged(8, 1)
  const { order, enter } = line(places)
  const refused: unknown[] = []
  // Each free place, one more that may wait, and those who started.
  for (let i = 0; i < 100; i++) enter(`new ${i}`, NEW).catch((error) => refused.push(error.code))
  await settled()
  t.true(refused.length >= 100 - 8 - 1 - order.length)
  t.is(refused[0], 'ERR_QCLONE_QUEUE_FULL')
  await t.notThrowsAsync(places.take({}))
  await t.notThrowsAsync(places.take({ client: KNOWN }))
})

test('those held back can be turned away while there is no clone', async (t) => {
  const places = await besieged()
  const { order, started, enter } = line(places)
  const codes: string[] = []
  for (let i = 0; i < 4; i++) enter(`new ${i}`, NEW).catch(({ code }) => codes.push(code))
  await settled()
  const waiting = 4 - order.length
  for (const _ of started) places.giveBack()
  places.turnAway()
  await settled()
  t.deepEqual(codes, Array(waiting).fill('ERR_QCLONE_ABORTED'))
})

test('a call that is aborted leaves the queue', async (t) => {
  const places = placesFor(1)
  await places.take({})
  const abort = new AbortController()
  const aborted = places.take({ signal: abort.signal })
  const next = places.take({})
  abort.abort()
  t.is(await aborted, undefined)
  places.giveBack()
  t.truthy(await next)
})

test('of IPv6 addresses the network counts', (t) => {
  const networks = {
    '': '',
    '192.0.2.1': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '::1': '0:0:0:0',
    '2001:db8::1': '2001:db8:0:0',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2',
    '2001:db8:1:2::': '2001:db8:1:2',
    'fe80::1%eth0': 'fe80:0:0:0',
  }
  t.deepEqual(
    Object.fromEntries(Object.keys(networks).map((address) => [address, networkOf(address)])),
    networks,
  )
})
