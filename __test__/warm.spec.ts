import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('what was warmed costs a clone next to nothing to use as a key', async (t) => {
  const { cold, warm, ropes, 'warm ropes': warmRopes, warmed } = await playScene(t, 'warm', 'keys and ropes')
  t.deepEqual(warmed, { strings: 400_000, objects: 400_001 })
  // The memory that the clone copies, in MiB.
  t.true(Number(warm) < Number(cold) / 5, `${warm} of ${cold}`)
  t.true(Number(warmRopes) < Number(ropes) / 5, `${warmRopes} of ${ropes}`)
})

test('strings are found wherever they are, once', async (t) => {
  t.deepEqual(await playScene(t, 'warm', 'a graph'), {
    empty: { strings: 0, objects: 0 },
    text: { strings: 1, objects: 0 },
    shallow: { strings: 3, objects: 3 },
    'Map and Set': { strings: 5, objects: 4 },
    'a cycle': { strings: 2, objects: 2 },
    'a long list': { strings: 100_000, objects: 100_000 },
    'a shared one with many keys': { strings: 60_000, objects: 100_002 },
    'a shared one with much behind it': { strings: 60, objects: 50_063 },
    'small Maps': { strings: 10_000, objects: 10_001 },
    'many keys': { strings: 1000, objects: 1 },
  })
})

test('no code of the user runs, and nothing is changed', async (t) => {
  t.deepEqual(await playScene(t, 'warm', 'getters and proxies'), {
    warmed: { strings: 3, objects: 6 },
    calls: 0,
  })
})

test('what changes meanwhile does no harm', async (t) => {
  t.deepEqual(await playScene(t, 'warm', 'changed meanwhile'), { 'at least': true, 'turns between': true })
})

test('options are checked', async (t) => {
  t.deepEqual(await playScene(t, 'warm', 'options'), {
    unknown: 'Expected the options to be among budgetMs, got `budget`',
    negative: 'Expected `budgetMs` to be a finite number of at least 0, got `-1` (number)',
  })
})
