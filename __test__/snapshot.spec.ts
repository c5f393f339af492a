import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('what the parent goes on changing stays as it was in the clone', async (t) => {
  t.deepEqual(await playScene(t, 'snapshot', 'the parent goes on'), {
    'versions in the clone': 1,
    'sizes in the clone': 1,
    'the parent went on': true,
  })
})

test('what a clone changes stays as it was in the parent', async (t) => {
  t.deepEqual(await playScene(t, 'snapshot', 'the clone changes things'), {
    'in the clone': { count: 2, list: [1, 2], map: 0, byte: 9 },
    'in the parent': { count: 1, list: [1], map: 1, byte: 0 },
    'of the process': [false, false, true],
  })
})

test('run takes the snapshot at the end of the turn, spawn at the call', async (t) => {
  t.deepEqual(await playScene(t, 'snapshot', 'the moment'), {
    run: 'later in the turn of the call',
    spawn: 'before the call',
  })
})
