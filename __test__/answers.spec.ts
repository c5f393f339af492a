import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('views and buffers of every kind and size arrive as they were', async (t) => {
  t.deepEqual(await playScene(t, 'answers', 'views'), {
    '0 bytes': true,
    '8 bytes': true,
    '1048576 bytes': true,
    'a part': [1, 1, 1, 1, 1, 40],
    'of another realm': [2, 2, 2, true],
    'with a tag of its own': [2, 2, 2, 'Float64Array'],
    resizable: [1 << 20, 1 << 21],
    twice: [1 << 20, 1, 1 << 20],
  })
})

test('whatever structured clone takes arrives as it was', async (t) => {
  t.deepEqual(await playScene(t, 'answers', 'other values'), {
    alike: true,
    'a cycle': [true, 100_000],
    nothing: [true, null],
    'primitives that are other ones': [],
  })
})

test('a large answer is memory of its parent alone', async (t) => {
  t.deepEqual(await playScene(t, 'answers', 'are the own memory of the parent'), {
    'in a later clone': [5, 7],
    afterwards: [5, 1],
    'another answer': 1,
  })
})

test('large answers leave neither descriptors nor files nor memory behind', async (t) => {
  const nodeArgs = ['--expose-gc']
  t.deepEqual(await playScene(t, 'answers', 'leave nothing behind', { nodeArgs }), {
    descriptors: 0,
    files: 0,
  })
})

test('what cannot travel is named by its path', async (t) => {
  const {
    afterwards,
    'a getter that throws': getter,
    ...told
  } = await playScene(t, 'answers', 'that cannot travel')
  t.is(afterwards, 'works')
  t.like(getter, { code: 'ERR_QCLONE_UNSERIALIZABLE' })
  for (const [path, [code, seen, message]] of Object.entries(told) as Array<
    [string, [string, string, string]]
  >) {
    t.is(code, 'ERR_QCLONE_UNSERIALIZABLE', path)
    t.is(seen, path)
    t.true(message.includes(`: ${path} cannot travel by structured clone, because it is a`), message)
  }
  t.is(Object.keys(told).length, 11)
})
