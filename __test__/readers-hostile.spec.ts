import { Buffer } from 'node:buffer'
import { EventEmitter } from 'node:events'
import { openSync } from 'node:fs'
import test from 'ava'
import { Generations } from '#dist/servers/readers/generations.js'
import { Handover, openHandover } from '#dist/servers/readers/handover.js'
import { parseNote } from '#dist/servers/readers/parse-note.js'
import { type Owner, Reader, type Waiting } from '#dist/servers/readers/reader.js'
import { Frames, KIND } from '#dist/transport/frames.js'
import { encodeValue } from '#dist/transport/messages.js'
import { until } from '../harness/processes.js'
import { playScene } from './helpers/fixture.js'

test('more connections than a queue holds rest over generations, and none is lost', async (t) => {
  // The kernel holds fewer than 300 messages between two processes.
  t.deepEqual(await playScene(t, 'readers-hostile', 'many that rest', { args: ['1000'] }), {
    answered: 1000,
    'by readers': true,
    lost: 0,
  })
})

test('megabytes behind an update move with their client, and keep nobody waiting', async (t) => {
  t.deepEqual(await playScene(t, 'readers-hostile', 'much behind an update'), {
    others: true,
    mine: ['mine', true],
    seen: [2, 1],
    lost: 0,
  })
})

test('a query that ends its reader ends no other, and its update is passed on once', async (t) => {
  const scene = 'a query that ends its reader, behind an update'
  t.deepEqual(await playScene(t, 'readers-hostile', scene, { noisy: true }), { deaths: ['9'], updates: 1 })
})

test('a client that breaks its protocol behind an update is reset at once', async (t) => {
  const scene = 'an update before a query that cannot be read'
  t.deepEqual(await playScene(t, 'readers-hostile', scene), { error: 'ECONNRESET' })
})

test('an answer goes on over a generation to a client that has ended its side', async (t) => {
  const scene = 'a long answer to a client that has ended its side'
  t.deepEqual(await playScene(t, 'readers-hostile', scene), { length: true, error: 'none' })
})

test('what is forwarded is in a generation, whatever `version` returns', async (t) => {
  t.deepEqual(await playScene(t, 'readers-hostile', 'what is forwarded is over after the fork'), {
    written: '1 false',
    read: '1 false',
    'by a reader': '1 true',
  })
})

test('a client that has moved may rest for longer than a request may take', async (t) => {
  const scene = 'rests for longer than a request may take'
  t.deepEqual(await playScene(t, 'readers-hostile', scene), {
    first: 'reader: true',
    second: 'reader: true',
  })
})

test('a listener that throws is an uncaught error, and generations go on', async (t) => {
  t.deepEqual(await playScene(t, 'readers-hostile', 'listeners that throw'), { caught: ['thrown'] })
})

test('trailers end nothing, and clients of HTTP/1.0 need no host', async (t) => {
  t.deepEqual(await playScene(t, 'readers-hostile', 'trailers, and no host'), {
    bodies: {
      'of the answer': '200 reader: false',
      'of the request': '200 reader: false',
      'to HTTP/1.0': '200 reader: false',
    },
    deaths: [],
  })
})

test('readers that are closed leave nothing on their server', async (t) => {
  t.deepEqual(await playScene(t, 'readers-hostile', 'cloned again and again'), {
    'listeners left': false,
    served: 'reader: false',
    warnings: [],
  })
})

test('readers that drain leave their clients to the parent, whatever readers the server has meanwhile', async (t) => {
  t.deepEqual(await playScene(t, 'readers-hostile', 'cloned again while others drain'), {
    before: '/ of 127.0.0.1, reader: true',
    forwarded: ['/slow of 127.0.0.1, reader: false', '/second of 127.0.0.1, reader: false'],
    'given back': '/ of 127.0.0.1, reader: false',
    'of the second': '/ of 127.0.0.1, reader: true',
  })
})

test('readers that are closed or updated wrongly go on', async (t) => {
  t.deepEqual(await playScene(t, 'readers-hostile', 'options of closing'), {
    'close({"draining":0})': 'Expected the options to be among drain, got `draining`',
    'close({"drain":"now"})': "Expected `drain` to be a number, got `'now'` (string)",
    'close(5)': 'Expected the options to be an object, got `5` (number)',
    'close("now")': "Expected the options to be an object, got `'now'` (string)",
    'close(null)': 'Expected the options to be an object, got `null` (object)',
    'close([])': 'Expected the options to be an object, got `[]` (object)',
    'update(undefined)': 'Expected `f` to be a function, got `undefined` (undefined)',
    'update(5)': 'Expected `f` to be a function, got `5` (number)',
    open: 'reader: true',
  })
})

test('stopAll ends readers, and the parent serves', async (t) => {
  t.deepEqual(await playScene(t, 'readers-hostile', 'all clones are stopped'), {
    'the parent serves': 'reader: false',
    refresh: 'the readers were closed',
    clones: 0,
  })
})

test('what a reader that has died passed on is handled before its client asks elsewhere', async (t) => {
  const events: string[] = []
  const note = (event: string) => () => void events.push(event)
  const owner = { onBack: note('back'), onUpdate: note('update'), onRoom: () => {}, onEnd: () => {} }
  const channel = Object.assign(new EventEmitter(), { resume: () => {}, unref: () => {} })
  const clone = { exited: new Promise(() => {}), kill: note('dead'), unref: () => {} }
  const launched = { clone, channel, guard: { release: () => {} }, forkedAt: 0 }
  const [own, other] = openHandover()
  new Reader(owner as unknown as Owner, launched as never, { generation: 1, silenceMs: 60_000 } as never, own)
  const reader = new Handover(
    other,
    () => {},
    () => {},
  )
  t.is(reader.send({ back: {}, updates: 2 }, [openSync('/dev/null', 'r')]), undefined)
  reader.close()
  // The parent hears of the end by one way, and of the updates by another.
  await until('its end has been seen', () => events.includes('dead'))
  const frames = new Frames(1000)
  frames.push(encodeValue(KIND.value, 'an update'))
  const update = frames.take()
  channel.emit('frame', update)
  t.deepEqual(events, ['dead', 'update'])
  channel.emit('frame', update)
  t.deepEqual(events, ['dead', 'update', 'update', 'back'])
  channel.emit('close')
  t.is(events.length, 4)
})

test('where many wait for a reader, new connections are closed, and none that moves', async (t) => {
  const reader = { clone: { pid: 1 }, forkedAt: 1, load: 0, hand: () => false }
  const server = { recruit: async () => reader, isGone: () => false, begun: () => {} }
  const plan = { readers: 1, maxAge: Infinity, before: () => {} }
  const generations = new Generations(plan as never, server as never)
  await generations.begin()
  const add = (count: number, luggage: Waiting['luggage']) => {
    for (let i = 0; i < count; i++) generations.dispatch({ fd: -1, luggage, file: undefined })
    return [generations.waiting, generations.counts.lost]
  }
  t.deepEqual(add(10_000, { seen: 0.5 }), [10_000, 0])
  t.deepEqual(add(4096, {}), [14_096, 0])
  t.deepEqual(add(3, {}), [14_096, 3])
  t.deepEqual(add(3, { seen: 0.5 }), [14_099, 3])
})

const noted = test.macro({
  title: (_, text: string) => `the note ${text}`,
  exec(t, text: string, note: unknown) {
    t.deepEqual(parseNote(Buffer.from(text)) as unknown, note)
  },
})

test(noted, '{"take":1,"with":{"state":"AQ==","idleUntil":5,"answered":true,"unread":3,"wroteAt":2.5}}', {
  take: 1,
  with: { state: 'AQ==', idleUntil: 5, answered: true, unread: 3, wroteAt: 2.5 },
})
test(noted, '{"take":0,"with":{"state":5,"idleUntil":-1,"answered":1,"unread":1.5,"wroteAt":"x","on":1}}', {
  take: 0,
  with: {},
})
test(noted, '{"took":[],"open":0,"retired":true}', { took: [], open: 0, retired: true })
test(noted, '{"back":{},"updates":0}', { back: {}, updates: 0 })
test(
  noted,
  '{"forward":{"remoteAddress":"::1","remotePort":80,"localAddress":7,"on":1,"_handle":{},"encrypted":1}}',
  { forward: { remoteAddress: '::1', remotePort: 80, encrypted: false, changes: false } },
)
for (const nonsense of [
  '',
  '{',
  'null',
  '[]',
  '7',
  '{"took":null}',
  '{"took":[1,"2"],"open":0}',
  '{"took":[],"open":-1}',
  '{"took":[],"open":1e400}',
  '{"take":-1,"with":{}}',
  '{"take":1}',
  '{"back":null,"updates":0}',
  '{"back":{},"updates":"1"}',
  '{"forward":null}',
  '{"retire":"1"}',
  '{"missed":{"valueOf":1}}',
]) {
  test(noted, nonsense, undefined)
}
