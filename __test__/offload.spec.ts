import test from 'ava'
import { playScene } from './helpers/fixture.js'

const TEXT = 'text/plain; charset=utf-8'

test('a request is answered from a clone by what its function gives', async (t) => {
  const plain = (body: string, status = 200) => [status, TEXT, 'keep-alive', body]
  t.deepEqual(await playScene(t, 'offload', 'what it gives'), {
    '/text': plain('text of a clone: true'),
    '/bytes': plain('\u0001\u0002\u0003'),
    '/stream': plain('one two three'),
    '/generator': plain('one two'),
    '/large': 16 << 20,
    '/object': plain("{ a: [ 1, { b: 2 } ], c: Map(1) { 'd' => 4 } }"),
    '/nothing': plain('undefined'),
    '/throw': plain("'no such thing", 500),
    '/rejects': plain("''no error'", 500),
  })
})

test('what was set of the response holds', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'type and headers'), {
    '/set': [201, '1', 'application/json'],
    '/given': [201, '1', 'text/html'],
  })
})

test('a clone that does not answer, or could not be made, is an error of HTTP', async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'fails'), {
    '/exit': 500,
    '/stands': 504,
    busy: [503, '3'],
    'the other': 504,
  })
})

test("the parent's listeners for the end of a response are told in the parent, once", async (t) => {
  t.deepEqual(await playScene(t, 'offload', 'listeners'), {
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
  t.deepEqual(Object.keys(told).length, 5)
  for (const message of Object.values(told)) t.regex(message, /^TypeError: Expected /)
})
