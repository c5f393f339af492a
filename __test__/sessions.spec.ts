import test from 'ava'
import { playScene } from './helpers/fixture.js'

for (const kind of ['net', 'tls']) {
  test(`a client of ${kind} has a snapshot for as long as it stays, and a fresh one when it comes again`, async (t) => {
    t.deepEqual(await playScene(t, 'sessions', `of ${kind}`), {
      'by clones': true,
      'a snapshot': true,
      'of its own': true,
      'the parent': 0,
      large: 16 << 20,
      'others go on': 2,
      goodbye: 'bye',
      'in order': true,
      ends: ['session 0', 'session 0'],
    })
  })
}

test('a session that resets its connection resets it for the client', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'resets'), {
    first: 'a part',
    'the client': 'ECONNRESET',
    ends: ['session 0'],
  })
})

test('a client that crashes its clone is cut off, and nobody else is', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'crashes', { noisy: true }), {
    'the other': 2,
    anew: true,
    ends: ['session 0', 'session 0', 'session SIGABRT'],
  })
})

test('handlers are told of a session and of its end', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'handlers'), {
    newClone: ['session', 'my session'],
    inSession: [true, '127.0.0.1'],
    inSessionEnd: [true, true],
    oldClone: ['session 0'],
  })
})

test("a handler's own listeners of the end are called, and may clean up asynchronously", async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'listeners of the end'), {
    'the client leaves': ['close', 'cleaned up'],
    'the handler ends': ['close', 'cleaned up'],
    'a WebSocket is closed': ['close 4001', 'cleaned up'],
    'a WebSocket is lost': ['close 1006', 'cleaned up'],
    ends: ['session 0', 'session 0', 'session 0', 'session 0'],
  })
})

for (const kind of ['net', 'tls', 'http', 'https']) {
  test(`the parent's listeners are called in the parent, once, and the handler's in the clone: ${kind}`, async (t) => {
    const events = kind === 'https' ? ['connection', 'secureConnection'] : ['connection']
    const ofTheParent = events.flatMap((event) => [`${event} closed`, `${event} closed, once`])
    t.deepEqual(await playScene(t, 'sessions', 'listeners of the parent', { args: [kind] }), {
      status: 101,
      ...Object.fromEntries(ofTheParent.map((what) => [`${what} in a clone: false`, true])),
      "the handler's connection closed in a clone: true": true,
    })
  })
}

test('a handler that never rests does not outlive its session for long', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'a handler that never rests', { args: ['200'] }), {
    'the client': 'in order',
    inSessionEnd: true,
    ends: ['session 0'],
  })
})

test('a client whose connection the handler closes does not wait for the clean-up', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'a handler that never rests', { args: ['600000'] }), {
    'the client': 'in order',
    'it goes on': true,
    ends: ['session SIGKILL'],
  })
})

test('a session whose clone has a status of its own is reset', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'a status of its own'), {
    'the client': 'ECONNRESET',
    ends: ['session 3'],
  })
})

test('clients that say nothing hold no clone when there is to be data first', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'when there is data'), {
    served: true,
    clones: 1,
    'with a codec': true,
    'clones then': 2,
  })
})

test('a client that reads no replies is answered no further', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'reads no replies'), { 'not all': true, 'in the end': 300 })
})

test('the parent serves those that do not match', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'some only'), { 'by clones': [false, true, false] })
})

test('a client that finds no place is turned away', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'a full house', { noisy: true }), {
    'turned away': 'the connection ended (ECONNRESET)',
    'there is room': true,
  })
})

test('a clone that stands still does not outlive its client for long', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'a clone that stands still'), { ends: ['session SIGTERM'] })
})

test('a session may speak by a codec', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'of a codec'), {
    error: { id: 7, error: { name: 'RangeError', message: 'bad query' } },
    'a session': [true, 1, 1, 2, true],
    'the parent': [0, 0],
  })
})

test('sessions that speak by a codec are read if the server accepts connections paused', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'accepted paused'), {
    seen: { 'by clones': true, 'with data': true, 'by the parent': false },
  })
})

test('what comes with a greeting is for the clone', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'a greeting with a query behind it'), {
    'by a clone': [3, true],
  })
})

test('a client of WebSocket has a snapshot, beside requests that have clones', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'of WebSocket'), {
    'by clones': true,
    'a snapshot': true,
    'requests too': 'true',
    ends: ['request 0', 'session 0', 'session 0'],
  })
})

test('an upgrade that comes in one packet with a request and its body has its session after the answer', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'an upgrade behind a body'), {
    'a body': ['true', 101, 'true hello;'],
    'no body': ['true', 101, 'true hello;'],
    both: ['true', 'true', 101, 'true hello;'],
  })
})

test('over TLS, a connection with an upgrade behind a body ends with the answer of the clone', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'an upgrade behind a body over TLS'), {
    answer: 'true',
    afterwards: ['', 'in order'],
  })
})

test('a session hears its client although an earlier request is offloaded meanwhile', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'an upgrade behind a late offload'), { hears: true })
})

test('nothing is lost that comes before the parent listens to an upgrade behind a request for a clone', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'an upgrade for the parent behind a clone'), {
    'a body': ['true', 101, 'false early;'],
    'no body': ['true', 101, 'false early;'],
    'a body, at once': ['true', 101, 'false early;'],
    'no body, at once': ['true', 101, 'false early;'],
  })
})

test('sessions are refused where they cannot be', async (t) => {
  const told = await playScene(t, 'sessions', 'bad calls')
  for (const [what, expected] of Object.entries({
    twice: /^TypeError: .*`cloneSessions` once/,
    'no server': /^TypeError: .*`7` \(number\)/,
    'codec alone': /^TypeError: .*together/,
    'updates alone': /^TypeError: .*`onUpdate` only with `codec` and `evaluate`/,
    'greeting alone': /^TypeError: .*`handshakeTimeout` only with `codec` and `evaluate`/,
    'codec and HTTP': /^TypeError: .*HTTP/,
    'unknown option': /^TypeError: .*`nothing`/,
    when: /^TypeError: .*`forkOn`/,
  })) {
    t.regex(told[what] as string, expected)
  }
})

test('sessions leave no descriptor behind, however they end', async (t) => {
  t.deepEqual(await playScene(t, 'sessions', 'nothing is left', { noisy: true }), { descriptors: 0 })
})
