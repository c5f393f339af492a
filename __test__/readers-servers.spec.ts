import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('readers decrypt what clients of an HTTPS server send; the parent sees no TLS, and who is encrypted', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'https'), {
    GET: [true, true, true, 'keep-alive'],
    POST: [false, true, false, 7, 'keep-alive'],
    'one connection': true,
    'not by the parent': [0, 1],
    'the last': [false, 7, 'close', true],
    'the next': [true, 2, 7, 'keep-alive', true],
  })
})

test('an agent reads and writes over TLS over many generations', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'https over generations'), { wrong: [], answers: true })
})

test('over TLS, what is under way at a swap is finished, and who waits for nothing is let go', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'https under way at a swap'), {
    slow: [true, 1],
    idle: 'in order',
  })
})

test('over TLS, clients at rest do not hold up generations', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'https at rest'), {
    deferred: 0,
    'in order': true,
    'half a request': 200,
  })
})

test('over TLS, clients that stay silent or send half a request do not hold up generations', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'https that stays silent'), { deferred: [] })
})

test('over TLS, half an answer cannot be taken for the whole', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'https cut off'), {
    '/half': ['ECONNRESET', true],
    '/broken': ['ECONNRESET', true],
  })
})

test('over TLS, the parent answers a client that has written, and its connection stays', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'https and its own writes'), { wrong: [], generation: 1 })
})

test('servers at unix sockets have readers', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'a unix socket'), { wrong: [], half: '' })
})

test('a connection that is upgraded stays with its reader until drainTimeout', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'upgraded'), {
    'by a reader': true,
    draining: [false, true],
    'until drainTimeout': true,
    'in order': true,
  })
})

test('an upgrade that nobody listens for is a request', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'a request that could be upgraded'), {
    answered: true,
    'goes on': true,
  })
})

test('readers serve WebSockets', async (t) => {
  t.deepEqual(await playScene(t, 'readers-servers', 'websockets'), { one: 'one true', two: 'two true' })
})

test('an application of Express needs no change', async (t) => {
  const told = await playScene(t, 'readers-servers', 'express', { noisy: true })
  const client = { ip: '127.0.0.1', protocol: 'http' }
  t.deepEqual(told, {
    before: [200, { item: null, reader: true, ...client }],
    put: [201, { reader: false, ...client }],
    after: [200, { item: { price: 1 }, reader: true, ...client }],
    none: 404,
    error: 500,
  })
})
