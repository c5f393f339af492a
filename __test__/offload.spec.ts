import test from 'ava'
import { playScene, runFixture } from './helpers/fixture.js'

const TEXT = 'text/plain; charset=utf-8'

test('a request is answered from a clone by what its function gives', async (t) => {
  const plain = (body: string, status = 200) => [status, TEXT, 'keep-alive', body]
  t.deepEqual(await playScene(t, 'offload', 'what it gives', { noisy: true }), {
    '/text': plain('text of a clone: true'),
    '/bytes': plain('\u0001\u0002\u0003'),
    '/stream': plain('one two three'),
    '/generator': plain('one two'),
    '/large': 16 << 20,
    '/object': plain("{ a: [ 1, { b: 2 } ], c: Map(1) { 'd' => 4 } }"),
    '/nothing': plain('undefined'),
    '/throw': plain('Internal Server Error\n', 500),
    '/rejects': plain('Internal Server Error\n', 500),
  })
})

test('a client that leaves a stream is no failure, and prints nothing', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'clients that leave a stream'), { left: 0 })
})

test('what its function throws is for stderr, and for the client only if asked for', async (t) => {
  const { told, stderr } = await runFixture('offload', 'throws')
  t.deepEqual([told.hidden, told.exposed], ['Internal Server Error\n', "'a secret"])
  t.is(stderr.match(/Error: a secret/g)?.length, 1)
})

test('a value is sent as JSON if that is the content type', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'JSON'), {
    'application/json': '{"a":[1,null]}',
    'application/problem+json; charset=utf-8': '{"a":[1,null]}',
    'Application/JSON': '{"a":[1,null]}',
    'text/plain': '{ a: [ 1, null ] }',
    'application/jsonp': '{ a: [ 1, null ] }',
    text: 'text',
    nothing: 'null',
  })
})

test('a response that a clone answers is not for the parent to answer, too', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'answered twice'), {
    failures: Object.fromEntries(
      [
        'again',
        'end',
        'write',
        'writeHead',
        'flushHeaders',
        'writeContinue',
        'writeEarlyHints',
        'writeProcessing',
      ].map((what) => [what, 'TypeError']),
    ),
    'seen to': [true, true],
    body: 'of the clone',
    afterwards: [true, true, 200],
  })
})

test('what is not on a connection of its own is a TypeError', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'no connection'), {
    'HTTP/2': ['TypeError', true],
    'a request that is injected': ['TypeError', false],
    'a response by itself': ['TypeError', false],
    'a client that has left': 'resolved',
  })
})

test('loggers see an offloaded answer as if the parent had sent it', async (t) => {
  const { seen, ...rest } = await playScene(t, 'offload', 'seen by a logger')
  t.deepEqual(rest, { 'writeHead is called before the end': true, 'bytes written': true })
  t.deepEqual(seen, [
    ['/', 200, '1000', 'text/plain; charset=utf-8', 'of the clone', true],
    ['/last', 201, '1000', 'text/plain; charset=utf-8', 'of the clone', true],
  ])
})

test('what was set of the response holds', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'type and headers'), {
    '/set': [201, '1', 'application/json'],
    '/given': [201, '1', 'text/html'],
  })
})

test('a clone that does not answer, or could not be made, is an error of HTTP', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'fails', { noisy: true }), {
    '/exit': 500,
    '/stands': 504,
    busy: [503, '3'],
    'the other': 504,
  })
})

test('an error before the first byte is an answer, with nothing of another', async (t) => {
  const error = [500, null, '22', 'Internal Server Error\n']
  t.deepEqual(await playScene(t, 'offload', 'fails at once', { noisy: true }), {
    '/generator': error,
    '/stream': error,
    '/throws': error,
    '/exit': error,
  })
})

test('answers without a body are sent without one, by servers that insist too', async (t) => {
  const seen = {
    '/text': [200, '4', false],
    '/generator': [200, null, false],
    '/throws': [500, '22', false],
    '/exit': [500, '22', false],
    '/204': [204, null, false],
  }
  t.deepEqual(await playScene(t, 'offload', 'answers to HEAD', { noisy: true }), {
    'rejecting: false': seen,
    'rejecting: true': seen,
  })
})

test("the parent's listeners for the end of a response are told in the parent, once", async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'listeners', { noisy: true }), {
    'finished /text in a clone: false': true,
    'finished /throw in a clone: false': true,
    'over /text': [false, true],
    'over /throw': [false, true],
    finished: [
      [true, 200],
      [true, 500],
    ],
  })
})

for (const kind of ['http', 'https']) {
  test(`the parent's listeners are called in the parent, once, when the client leaves: ${kind}`, async (t) => {
    t.deepEqual(await playScene(t, 'offload', 'listeners when the client leaves', { args: [kind] }), {
      'request: aborted in a clone: false': true,
      'request: close in a clone: false': true,
      'request: error in a clone: false': true,
      'connection closed in a clone: false': true,
      'finished in a clone: false': true,
      "the function's request closed in a clone: true": true,
      "the function's connection closed in a clone: true": true,
    })
  })
}

test('a response is finished for the parent, once, when its connection fails in the clone', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'a failing connection'), { 'finished in a clone: false': true })
})

test('a function may wait for a body that the parent has begun to read', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'a body that the parent reads', { noisy: true }), {
    whole: 'true: body',
    slow: 'true: body',
  })
})

test('code knows whether it runs in a request, in either process', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'in a request'), {
    outside: false,
    '/in': 'true',
    '/run': 'true',
    inOffload: [true, false],
    '/offload': 'true',
    untracked: 'false',
  })
})

test('what cannot be answered by is a TypeError', async (t) => {
  const { told } = (await playScene(t, 'offload', 'bad calls')) as { told: Record<string, string> }
  t.deepEqual(Object.keys(told).length, 6)
  for (const message of Object.values(told)) t.regex(message, /^TypeError: Expected /)
})
