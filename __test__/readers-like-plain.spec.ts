import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('a server that is closed says so once its readers have answered', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'closing waits'), {
    'readers left': 0,
    'answered by a reader': 'true',
  })
})

test('what a handler does after its answer goes on when its generation ends, for a while', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'work after the answer'), {
    'after /late': [0, 'done'],
    'after /never': [0, 'done'],
    'once closed': 'donedone',
  })
})

test('readers are closed within the time that is given, whatever `drainTimeout` is', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'closing within'), {
    'in time': true,
    'the client': 'ECONNRESET',
  })
})

test('an answer of the parent that ends the connection arrives, read or not', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'connection: close'), { seen: ['200 done close'] })
})

test('connections that another server has accepted are served by the parent', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'connections of others'), {
    peeking: false,
    passing: false,
    'its own': true,
    lost: 0,
  })
})

test('a body that nobody has asked for is passed on', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'expectations'), {
    '100-continue': [200, 'false xxx'],
    'something else': [200, 'false xxx'],
  })
})

test('what a client sees never goes back, though its reader is replaced', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'never back'), {
    'went back': 0,
    'of one generation': 1,
  })
})

test('a handler of the parent can reset a forwarded connection', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'resets'), {
    'the client': 'ECONNRESET',
    address: [true, true],
  })
})

test('heads of forwarded requests and answers are as long as in the parent, and come at once', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'heads'), {
    'a long answer': 200,
    'a long request': 200,
    'an early head': false,
    'its body': 'late',
  })
})

test('trailers and informational responses of forwarded requests arrive', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'around the answer'), {
    statuses: ['102', '103', '200'],
    link: true,
  })
})

test("Fastify's request ids do not repeat among readers", async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'request ids'), { ids: [16, 16], alike: true })
})

test('a promise of `filter` or `before` is refused, since nobody would wait for it', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'promises', { noisy: true }), {
    filter: 500,
    before: 'TypeError',
  })
})

test('what waits for a generation learns that the readers are closed', async (t) => {
  const aborted = ['AbortError', 'ERR_QCLONE_ABORTED']
  t.deepEqual(await playScene(t, 'readers-like-plain', 'closed meanwhile'), {
    update: 7,
    'refresh before': aborted,
    'refresh after': aborted,
  })
})

test('a client that never rests between two requests ends with an answer', async (t) => {
  t.deepEqual(await playScene(t, 'readers-like-plain', 'requests in pieces'), {
    'in order': [1, 'in order'],
    self: false,
  })
})
