import test from 'ava'
import { playScene } from './helpers/fixture.js'

const noisy = { noisy: true }

for (const [which, first, second] of [
  ['requests', '/first 1200 true', '/next 0 true'],
  // What TLS counts only the clone knows, and what it has read is lost to its parent: the connection ends.
  ['tls', '/first 1200 true', 'true'],
  ['continue', '/first 1200 true', 'true'],
  ['offload', '/first true', '/next true'],
]) {
  test(`${which}: the end of a body may come with the next request`, async (t) => {
    const told = await playScene(t, 'hostile', 'a tail with the next request', { args: [which as string] })
    t.is(told.first, first)
    t.is(String(told.second), second as string)
    t.is(String(told.others).split(' ')[0], '/other')
  })
}

test('an offloaded request with a body keeps its connection, unless the clone reads the body', async (t) => {
  const { seen } = await playScene(t, 'hostile', 'an offloaded body')
  const notRead = ['keep-alive', 'not read']
  t.deepEqual(seen, [notRead, notRead, notRead, ['close', `${20 << 20}`]])
})

test('bytes of a clone that are no message fail its task, and nothing else', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'bytes that are no message', noisy), {
    'no kind': 500,
    'no flag': 500,
    'a value of no kind': 500,
    'a number that is cut': 500,
    'a file that is not there': 500,
    'what was thrown, of no kind': 500,
    'too large': 500,
    others: 'fine',
    'query: no kind': 'ERR_QCLONE_DIED',
    'query: a number that is cut': 'ERR_QCLONE_DIED',
    'run: no kind': 'ERR_QCLONE_DIED',
    'run: a value of no kind': 'ERR_QCLONE_UNSERIALIZABLE',
    'run: what was thrown, of no kind': 'ERR_QCLONE_UNSERIALIZABLE',
    'run: too large': 'ERR_QCLONE_DIED',
  })
})

test('an answer that is larger than settings allow is an error of its sender', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'more than is accepted'), {
    enough: 1 << 19,
    text: 'ERR_QCLONE_UNSERIALIZABLE',
    bytes: 'ERR_QCLONE_UNSERIALIZABLE',
    port: 'ERR_QCLONE_UNSERIALIZABLE',
  })
})

test('a request that is late behind one that a clone answers is refused after that answer', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'a late request behind one that is answered'), {
    answer: 11,
    // Node refuses it with 408 when nothing else is under way.
    next: 408,
  })
})

test('while many are slow, a client that keeps up is served before new ones, and many times for each of them', async (t) => {
  const told = await playScene(t, 'hostile', 'new clients beside one that is known')
  t.true(told['all were answered'])
  // One can have entered before it came.
  t.true((told['new ones before the known one'] as number) <= 1, JSON.stringify(told))
  // The pause after each new one is nine times its start.
  t.true((told['known ones meanwhile'] as number) >= 8, JSON.stringify(told))
})

test('clients that take nothing lend the places of their clones, and are cut off in the end', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'clients that take nothing'), {
    'served meanwhile': true,
    'in time': true,
    'cut off': true,
  })
})

for (const how of ['tcp', 'tls', 'queries']) {
  test(`${how}: clients that have not read what the parent sent take no places`, async (t) => {
    t.deepEqual(
      await playScene(t, 'hostile', 'clients that have not read what the parent sent', { args: [how] }),
      { 'served meanwhile': true, 'and then they': true },
    )
  })

  test(`${how}: clients that never read what the parent sent are cut off in the end`, async (t) => {
    t.deepEqual(
      await playScene(t, 'hostile', 'clients that never read what the parent sent', { args: [how] }),
      {
        'cut off': true,
        reasons: ['it read none of the data sent to it for 500 ms (`writeStallTimeout`)'],
        forks: 0,
      },
    )
  })
}

test('stopAll turns those away that have not read what the parent sent', async (t) => {
  t.deepEqual(
    await playScene(t, 'hostile', 'all are stopped while one has not read what the parent sent', noisy),
    {
      next: 'answered',
      hint: 103,
      'turned away': 503,
    },
  )
})

test('a request is refused if the parent itself keeps back what it has to send', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'what the parent keeps back', noisy), {
    hint: 103,
    'turned away': 503,
    failures: ['ERR_QCLONE_HANDLE_UNAVAILABLE'],
  })
})

test('there is a bound to the clones whose clients take nothing', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'more clients that take nothing than may wait'), {
    served: true,
    bounded: true,
  })
})

test('clients that send their bodies slowly lend the places of their clones', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'clients that send their bodies slowly'), {
    'served meanwhile': '/quick 0 true',
    'and then they': '/slow 10000 true',
  })
})

const CUT = [200, true, false, 'ECONNRESET']
for (const [how, ...expected] of [
  ['tcp', CUT, CUT],
  ['tls', CUT, CUT],
  // It has no reset. Over HTTP/1.1 the last chunk is missing; over HTTP/1.0 nothing is sent before all of it is there.
  ['unix', [200, true, false, null], [500, false, false, null]],
] as const) {
  test(`${how}: an answer whose clone dies does not look whole`, async (t) => {
    const { seen } = await playScene(t, 'hostile', 'a clone dies in the middle', { ...noisy, args: [how] })
    t.deepEqual(seen, expected)
  })
}

test('over a unix socket an answer to HTTP/1.0 is kept back unless its client sees its end', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'kept back'), {
    '/parts': ['one two', false],
    '/events': ['one two', true],
    '/sized': ['one two', true],
    '/large': [(2 << 20) + 'one two'.length, true],
    'HTTP/1.1': ['one two', true],
  })
})

test('an answer that closes its connection is whole although its client sends on', async (t) => {
  const whole = [true, true, null]
  t.deepEqual(await playScene(t, 'hostile', 'answered before it has sent everything'), {
    '/early': whole,
    '/late': whole,
  })
})

test('bodies in tiny chunks take memory in proportion while they wait for a place', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'tiny chunks'), { 'heap in proportion': true })
})

test('clients that take their answers slowly do not keep others out', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'clients that take it slowly'), {
    'served meanwhile': 'small',
    'they go on': true,
  })
})

test('a codec that throws costs its client the connection, and nothing else', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'codecs that throw', noisy), {
    queries: 'ECONNRESET',
    sessions: 'ECONNRESET',
  })
})

test('upgrades wait for the answer before them, end with their clients, and are not for the parent', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'upgrades'), {
    'behind a request': ['first', 101, 'true hello'],
    left: true,
    'never in the parent': true,
  })
})

test('closing all connections closes those that clones answer', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'closed by the server'), { closed: true })
})

test('a filter that throws over what a client sends does not end the parent', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'a filter that throws', noisy), {
    request: 500,
    next: '/next 0 true',
    session: 'ECONNRESET',
  })
})

test('a response that is not over keeps its clone alive, and so do timers without a reference a query', async (t) => {
  t.deepEqual(await playScene(t, 'hostile', 'what keeps no loop going'), {
    '/response': 'later',
    '/signal': 'later',
    '/timer': 'later',
    '/child': 'later',
    'told that it left': true,
    query: 'later',
  })
})
