import test from 'ava'
import { playScene } from './helpers/fixture.js'
import type { Described } from './helpers/scene.js'

test('values travel by structured clone, from synchronous and asynchronous functions', async (t) => {
  const told = await playScene(t, 'run', 'values')
  t.is(Object.keys(told).length, 15)
  t.true(Object.values(told).every(Boolean))
})

test('a promise, a thenable and an asynchronous function are waited for', async (t) => {
  t.deepEqual(await playScene(t, 'run', 'asynchronous'), {
    promise: 1,
    thenable: 2,
    'after a while': 3,
    arguments: 4,
  })
})

test('cloned gives a function that runs in a clone of its own at each call', async (t) => {
  const told = await playScene(t, 'run', 'cloned')
  t.deepEqual(told.tags, ['a', 'b'])
  t.is(told.processes, 3)
  t.deepEqual(told.failure, { name: 'RangeError', message: 'from cloned' })
  t.deepEqual(told['no function'], {
    name: 'TypeError',
    message: "Expected `f` to be a function, got `'f'` (string)",
  })
})

test('what is no function throws a TypeError at once', async (t) => {
  const told = await playScene(t, 'run', 'no function')
  t.true(told['thrown at once'])
  t.like(told.failure, { name: 'TypeError', message: 'Expected `f` to be a function, got `42` (number)' })
})

test('answers of 50 MB arrive whole', async (t) => {
  t.deepEqual(await playScene(t, 'run', 'large'), { text: true, array: true, error: true })
})

test('fifty clones at once each give their own answer', async (t) => {
  const told = await playScene(t, 'run', 'concurrent')
  const indices = Array.from({ length: 50 }, (_, i) => i)
  t.deepEqual(told, { 'own answers': indices, processes: 51, finished: indices })
})

test('a slow clone does not hold up a quick one', async (t) => {
  t.deepEqual(await playScene(t, 'run', 'order'), { quick: 'quick', slow: 'slow' })
})

test('a value that cannot travel rejects with ERR_QCLONE_UNSERIALIZABLE', async (t) => {
  const { afterwards, ...told } = await playScene(t, 'run', 'unserializable')
  t.is(afterwards, 1)
  t.is(Object.keys(told).length, 12)
  for (const [name, error] of Object.entries(told)) {
    const { name: type, code, message } = error as Described
    t.like({ type, code }, { type: 'QcloneError', code: 'ERR_QCLONE_UNSERIALIZABLE' }, name)
    t.regex(message, name.includes('getter') ? /the getter failed/ : /could not be cloned/, name)
  }
})
