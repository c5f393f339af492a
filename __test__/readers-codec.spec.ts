import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('readers answer queries; the parent takes updates, in order', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'queries and updates'), {
    'by a reader': [true, 1, 0, true],
    'a snapshot': [1, true, 0],
    'the next': { id: 2, result: [3] },
    updates: [
      [1, false],
      [{ two: [2] }, false],
      [null, false],
    ],
    'a later generation': [2, 3],
    forwarded: 3,
  })
})

test('a connection stays over many generations, and each query is answered once, in order', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'over generations'), {
    wrong: [],
    generations: true,
    connected: [],
  })
})

test('updates come in order over many generations', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'updates over generations'), { 'in order': true })
})

test('a query that is cut anywhere by a new generation is answered', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'cut anywhere'), { wrong: [] })
})

test('what goes wrong with a query is told to its client; a broken protocol or a dead reader is a reset', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'goes wrong'), {
    throw: 'RangeError',
    rejects: 'RangeError',
    large: (4 << 20) + '{"result":""}'.length,
    'goes on': true,
    'what was whole': '{"result":[1]}',
    bad: 'ECONNRESET',
    doomed: 'ECONNRESET',
  })
})

test('what waits behind a slow query moves to the next generation', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'a slow query'), {
    slow: { result: null },
    'what was read before': 1,
    afterwards: 1,
  })
})

test('read-only, updates are dropped', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'read-only'), { query: true, updates: [0, 0] })
})

test('a client of a codec reads its own writes', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'read your writes'), { wrong: [], 'at once': [] })
})

test('updates do not wait for generations, though queries after them do', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'writes without reading'), {
    'do not wait': true,
    generation: 1,
    'the query waits': [1, 2000],
  })
})

test('where forks are refused, the parent answers queries after updates, and nobody waits for the next attempt', async (t) => {
  const told = await playScene(t, 'readers-codec', 'writes while forks are refused')
  const attempts = told['attempts meanwhile'] as number
  // One may come meanwhile by itself.
  t.true(attempts <= 1, `${attempts}`)
  delete told['attempts meanwhile']
  t.deepEqual(told, {
    refresh: 'ERR_QCLONE_MEMORY',
    seen: Array.from({ length: 5 }, (_, index) => [false, index + 1]),
  })
})

test('an update of a client of the parent gets a generation, whatever `version` says', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'updates in the parent', { noisy: true }), {
    'written to': false,
    'read from': true,
    read: 1,
  })
})

test('a feed that never pauses moves from generation to generation, and nothing is lost', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'a feed that never pauses'), {
    'goes on': true,
    generations: true,
    came: true,
    'in order': true,
  })
})

test('when readers are closed, the parent goes on with their clients', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'to the parent'), {
    slow: 'slow',
    'the parent': [false, false],
    updates: [[5, false]],
  })
})

test('half a message goes to the parent with its connection', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'a half message to the parent'), {
    answer: ['half and half'],
    'by the parent': true,
  })
})

test('connections of a codec that knows no state end with their generation, between two messages', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'a codec that knows no state'), {
    'under way': 'slow',
    'in order': [true, true],
    again: 2,
  })
})

test('readers of a codec leave no descriptor behind', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'nothing is left'), { 'more descriptors': 0 })
})

test('a client of kdb+ that says nothing to some generations stays let in', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'kdb at rest over generations'), {
    'at first': 1,
    'after three': 4,
    'the other': 3,
    'the parent': [0, 7],
  })
})

test('values of kdb+ come to the parent as they were sent', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'kdb values'), {
    wrong: [],
    names: true,
    'in a later generation': true,
  })
})

test('a message of kdb+ that is cut anywhere by a new generation is answered', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'kdb cut anywhere'), { wrong: [] })
})

test('a client of kdb+ that is not let in does not stay', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'kdb clients that are not let in'), {
    refused: 'in order',
    'in time': true,
    'over generations': true,
    others: 3,
  })
})

test('clients of a codec over TLS are answered by readers, and by the parent without', async (t) => {
  t.deepEqual(await playScene(t, 'readers-codec', 'encrypted'), {
    'before the readers': false,
    'by a reader': [true, 1],
    updates: [['over TLS', false]],
    'what is under way': 'slow',
    'ends then': 'in order',
    again: [2, 1],
    'the early one': false,
    listeners: 0,
  })
})
