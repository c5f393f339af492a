import test from 'ava'
import { playScene } from './helpers/fixture.js'

const LOST = 'ERR_QCLONE_UNSERIALIZABLE'

test('what structured clone would lose without a word is refused with its path', async (t) => {
  const told = await playScene(t, 'values', 'lost')
  for (const [path, failure] of Object.entries(told)) t.deepEqual(failure, [LOST, path])
  t.is(Object.keys(told).length, 18)
})

test('what getters give is refused, too, if it would arrive empty', async (t) => {
  const told = await playScene(t, 'values', 'lost by getters')
  for (const [path, failure] of Object.entries(told)) t.deepEqual(failure, [LOST, path])
  t.is(Object.keys(told).length, 11)
  t.deepEqual(await playScene(t, 'values', 'doors by getters'), {
    'property of an error': [LOST, 'thrown.details.url'],
    report: [LOST, 'value.url'],
    stream: [LOST, 'value.url'],
    message: [LOST, 'value.url'],
  })
})

test('what getters give arrives, if it is whole', async (t) => {
  const { value } = await playScene(t, 'values', 'whole by getters')
  t.deepEqual(JSON.parse(value as string), {
    tags: {},
    lazy: { before: 1, tags: {} },
    row: { before: 1, row: { id: 1, list: [], error: {}, map: {} } },
  })
})

test('an instance of a class without a base is refused, if it would arrive empty', async (t) => {
  t.deepEqual(await playScene(t, 'values', 'prototypes without one'), {
    'value.a': [LOST, 'value.a'],
    'value[0]': [LOST, 'value[0]'],
    empty: ['a', 'b', 'c'],
  })
})

test('it is refused by whichever way it would go', async (t) => {
  t.deepEqual(await playScene(t, 'values', 'doors'), {
    answer: [LOST, 'value.url'],
    thrown: [LOST, 'thrown.url'],
    report: [LOST, 'value.url'],
    stream: [LOST, 'value.url'],
    'message of the clone': 'value.url',
    'message of the parent': [LOST, 'value.url'],
  })
})

test('what is whole is taken for that, and what is empty arrives so', async (t) => {
  t.deepEqual(await playScene(t, 'values', 'whole'), {
    'a subclass of Map': [true, 1],
    'empty objects': ['a', 'b', 'c', 'd'],
    'seen in what is whole': 0,
    many: 20_000,
  })
})

test('what is nested too deep to be read is refused by its sender', async (t) => {
  const refused = [LOST, true, true]
  t.deepEqual(await playScene(t, 'values', 'deep'), {
    arrives: 1201,
    '2500': refused,
    '3000': refused,
    '100000': refused,
    '1000000': refused,
    afterwards: 'works',
  })
})

test('getters are called once', async (t) => {
  t.deepEqual(await playScene(t, 'values', 'getters'), {
    answer: [1, 2],
    error: [1, 2],
    refused: [LOST, 'value.f'],
    'of a getter': [LOST, 'value.give'],
  })
})

test('an error that is part of its own cause arrives, or is refused where V8 cannot read it', async (t) => {
  const told = await playScene(t, 'values', 'an error in its own cause')
  const seen = told['as it can be read']
  t.true(seen === true || seen === JSON.stringify([LOST, 'value.error']), String(seen))
})

test('errors of any name arrive, with what of them can travel', async (t) => {
  const {
    parts,
    'a DOMException': gone,
    'an error of an error': inner,
    ...names
  } = await playScene(t, 'values', 'errors')
  t.is(Object.keys(names).length, 5)
  for (const [name, seen] of Object.entries(names))
    t.deepEqual(seen, [true, true, 'the reason', 'E_REAL'], name)
  t.deepEqual(gone, [true, 'AbortError', 20, 'gone'])
  t.deepEqual(parts, ['kept', 'E', 'thrown.url', 'thrown.cause.url', false])
  t.deepEqual(inner, [true, true])
})
