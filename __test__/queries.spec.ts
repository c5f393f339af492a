import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('what a client sends is done with in order: queries by clones, updates in the parent', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'in order'), {
    replies: ['{"id":1,"result":1}', '{"id":2,"result":-1}', '{"id":3,"result":7}'],
    'by clones': true,
    'the parent': 7,
    ends: ['query 0'],
  })
})

test('a server that accepts connections paused has them read', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'of a server that accepts paused'), {
    reply: { id: 1, result: 0 },
  })
})

test('what a client sends while a clone answers is for the next one', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'asked again while it answers'), {
    replies: ['{"id":1,"result":"slow"}', '{"id":2,"result":0}'],
  })
})

test('a feed on the same port is in the next answer', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'a feed beside queries'), { 'fresh each time': true })
})

test('whatever goes wrong with a query is told to its client, and the connection goes on', async (t) => {
  const died = ['QcloneError', 'ERR_QCLONE_DIED']
  t.deepEqual(await playScene(t, 'queries', 'fails', { noisy: true }), {
    throw: ['RangeError', null],
    rejects: ['RangeError', null],
    'throws late': ['RangeError', null],
    exit: died,
    abort: died,
    never: died,
    bigint: ['QcloneError', 'ERR_QCLONE_UNSERIALIZABLE'],
    unknown: null,
    'goes on': 0,
    ends: [
      'query 0',
      'query 0',
      'query 1',
      'query 3',
      'query SIGABRT',
      'query 13',
      'query 0',
      'query 0',
      'query 0',
    ],
  })
})

test('a query at its deadline is an error', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'at its deadline'), { error: 'ERR_QCLONE_TIMEOUT', 'goes on': 0 })
})

test('a clone that dies with part of its reply sent has its connection cut', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'cut off'), {
    'no line': true,
    large: (16 << 20) + '{"result":""}'.length,
  })
})

test('a client that leaves ends its clone', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'a client that leaves'), { ends: ['query SIGTERM'], others: 0 })
})

test('a client that only stops to send has its replies, where the server lets it', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'a half of a connection'), {
    replies: ['{"result":0}', '{"result":0}'],
    'in order': true,
  })
})

test('a query that finds no place is an error', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'a full queue', { noisy: true }), {
    error: 'ERR_QCLONE_QUEUE_FULL',
  })
})

test('clients that come when no descriptor is left are turned away, and do not end the parent', async (t) => {
  const told = await playScene(t, 'queries', 'no descriptor left', {
    wrapper: ['prlimit', '--nofile=200'],
    noisy: true,
  })
  t.deepEqual(told, {
    before: 0,
    query: 'ERR_QCLONE_FORK',
    refused: ['query ERR_QCLONE_FORK EMFILE', 'session ERR_QCLONE_FORK EMFILE'],
    afterwards: 0,
  })
})

test('a client that breaks its protocol is cut off, after what was whole; nobody else notices', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'breaks its protocol'), {
    good: 0,
    'what was whole': '{"result":5}',
    reasons: [1, 'string'],
    others: 5,
  })
})

test('an undo may close the connections that it leaves', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'closed with its connections'), {
    ends: ['query 0', 'query SIGTERM'],
  })
})

test('a flood of updates behind a query is all taken', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'a flood'), {
    replies: ['{"id":0,"result":0}', '{"id":1,"result":500000}'],
  })
})

test('queries are refused where they cannot be', async (t) => {
  const told = await playScene(t, 'queries', 'bad calls')
  for (const [what, expected] of Object.entries({
    twice: /^TypeError: .*`cloneQueries` once/,
    'and sessions': /^TypeError: .*can have only one kind of clone/,
    'of HTTP': /^TypeError: .*a plain `net.Server`/,
    'no codec': /^TypeError: .*codec/,
    'no codec at all': /^TypeError: .*`codec` to be a codec/,
    'no function': /^TypeError: .*evaluate/,
  })) {
    t.regex(told[what] as string, expected)
  }
})

test('queries leave no descriptor behind, however they end', async (t) => {
  t.deepEqual(await playScene(t, 'queries', 'nothing is left', { noisy: true }), { descriptors: 0 })
})
