import test from 'ava'
import { playScene, runFixture } from './helpers/fixture.js'

test('what is too large once it is decoded ends the clone of the query, and not the parent', async (t) => {
  const { told, code, stderr } = await runFixture('costs', 'large once decoded', {
    nodeArgs: ['--max-old-space-size=64'],
  })
  t.is(code, 0, stderr)
  t.regex(told.kdb as string, /SIGABRT/)
  t.regex(told.compressed as string, /SIGABRT/)
  t.is(told['kdb goes on'], 'f90300000000000000')
  t.deepEqual(told.ndjson, [7, 'ERR_QCLONE_DIED'])
  t.is(told['ndjson goes on'], 2)
})

test('what would uncompress to more than is allowed is refused by its head', async (t) => {
  const told = await playScene(t, 'costs', 'a bomb', { nodeArgs: ['--max-old-space-size=128'] })
  t.deepEqual(told, {
    bytes: true,
    others: '0a0003000000616263',
    reasons: [
      'An uncompressed message of 67108864 bytes is too long: `maxMessageBytes` is 16777216',
      'An uncompressed message that expects no reply of 2097166 bytes is too long: `maxUpdateBytes` is 1048576',
    ],
    memory: true,
  })
})

test('nothing that a client sends is decoded before it is let in', async (t) => {
  t.deepEqual(await playScene(t, 'costs', 'before it is let in'), {
    bad: [0, 1],
    good: '0a0003000000616263',
    decoded: [1, 4],
  })
})

test('queries are decoded in their clones, once, and updates where they are taken', async (t) => {
  t.deepEqual(await playScene(t, 'costs', 'where it is decoded'), {
    query: { query: { a: [1] }, heard: { a: [1] }, clone: true, decoded: 1 },
    'the parent': 0,
    session: { query: 2, clone: true, decoded: 3 },
    'the parent of the session': 1,
  })
})

test('updates that nobody takes are not decoded', async (t) => {
  t.deepEqual(await playScene(t, 'costs', 'updates that nobody takes'), {
    'only the query': 1,
    'the parent': [1001, 0],
  })
})

for (const inline of [false, true]) {
  test(`a client whose message is found wrong when it is decoded is cut off${inline ? ', inline too' : ''}`, async (t) => {
    const { reasons, ends, ...told } = await playScene(t, 'costs', 'found wrong when decoded', {
      env: inline ? { QCLONE: 'inline' } : {},
    })
    t.deepEqual(told, {
      kdb: '0a0003000000616263',
      ndjson: '{"result":3}',
      taken: [true, 2, 7],
      others: 'x',
    })
    const [one, two, three, ...more] = reasons as string[]
    t.regex(one ?? '', /-3 is not a known type/)
    t.regex(two ?? '', /not JSON/)
    t.regex(three ?? '', /not JSON/)
    t.deepEqual(more, [])
    t.deepEqual(ends, inline ? [] : Array(5).fill('query 0'))
  })
}

test('a fault behind the greeting of a session is one after what was whole', async (t) => {
  t.deepEqual(await playScene(t, 'costs', 'a fault behind a greeting'), {
    answered: 'ff01',
  })
})

test('others have their turn between the updates of one client', async (t) => {
  t.deepEqual(await playScene(t, 'costs', 'others have their turn'), { others: true })
})

test('an update is not kept while those behind it wait', async (t) => {
  // The last one itself, and the one whose turn it was in.
  const { alive } = await playScene(t, 'costs', 'nothing is kept', { nodeArgs: ['--expose-gc'] })
  t.true((alive as number) > 0 && (alive as number) < 5, `${alive}`)
})

test('no more than some messages wait behind a query', async (t) => {
  t.deepEqual(await playScene(t, 'costs', 'more than can wait'), {
    messages: true,
    replies: ['ERR_QCLONE_TIMEOUT', '{"result":0}'],
  })
})

test('no more than some bytes wait behind a query', async (t) => {
  t.deepEqual(await playScene(t, 'costs', 'more behind a query than can wait'), {
    bytes: true,
    replies: [true, true],
    'goes on': 0,
    'all bytes': true,
  })
})

test('a codec that fails has its client cut off, and ends nothing else', async (t) => {
  const { told, code, stderr } = await runFixture('costs', 'codecs that fail')
  t.is(code, 0, stderr)
  const ofEach = (what: string, seen: readonly string[]) =>
    ['range', 'hostile', 'nothing'].map((error, i) => [`${what}: ${error}`, seen[i]])
  const texts = ['Invalid string length', 'an error that cannot be read', 'undefined']
  const ended = ['it ended', 'it ended', 'it ended']
  t.deepEqual(
    told.seen,
    Object.fromEntries([
      ...ofEach('receive', ended),
      ...ofEach('send', ended),
      ...ofEach('update', ended),
      ...ofEach('fail', ended),
      // A reply can still say what went wrong.
      ...ofEach('value', texts),
      ...ofEach('reply', texts),
    ]),
  )
  const notBytes = (told.reasons as string[]).filter((reason) => reason.includes('"chunk"'))
  t.is(notBytes.length, 3)
  t.deepEqual(
    (told.reasons as string[]).filter((reason) => !notBytes.includes(reason)),
    [...texts, ...texts, ...texts],
  )
  t.regex(stderr, /RangeError: Invalid string length[\s\S]*\n {4}at/)
})

test('what an asynchronous update rejects with is printed', async (t) => {
  const { told, code, stderr } = await runFixture('costs', 'updates that reject')
  t.is(code, 0, stderr)
  t.is(told['goes on'], 0)
  t.regex(stderr, /RangeError: update 1[\s\S]*RangeError: update 2/)
})

test('where the parent evaluates, a query that is found wrong is a fault, and an error of the protocol is no other', async (t) => {
  t.deepEqual(await playScene(t, 'costs', 'in this process'), {
    replies: [{ result: 1 }, { error: { name: 'ProtocolError', message: 'an error as any other' } }],
    reasons: 1,
  })
})
