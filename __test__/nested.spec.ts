import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('a clone can run clones of its own', async (t) => {
  t.deepEqual(await playScene(t, 'nested', 'run in run'), {
    parents: [0, 1, 2],
    processes: 4,
    'clones before its own': 0,
    isClone: [false, true],
  })
})

test('a clone has places for clones of its own, though its parent has none left', async (t) => {
  t.deepEqual(await playScene(t, 'nested', 'places of its own'), {
    nested: [8, 'run'],
    'in the parent': 'waited',
  })
})

test('a clone made by run can spawn', async (t) => {
  t.deepEqual(await playScene(t, 'nested', 'spawn in run'), { status: 9, several: [1, 2, 3] })
})

test('a clone made by spawn can spawn', async (t) => {
  t.deepEqual(await playScene(t, 'nested', 'spawn in spawn'), { innermost: true, status: 6 })
})

test("a clone's table of clones begins empty, and lists its own alone", async (t) => {
  t.deepEqual(await playScene(t, 'nested', 'a table of its own'), {
    'in the clone': { before: 0, during: [true], signal: 'SIGKILL', after: 0 },
    'in the parent': true,
  })
})

test("a clone cannot kill its parent's clones by their objects", async (t) => {
  t.deepEqual(await playScene(t, 'nested', "the parent's clone object"), {
    'kill in the clone': false,
    'still there': true,
    'ended by': 'SIGTERM',
  })
})

test('clones can be nested deeply', async (t) => {
  t.deepEqual(await playScene(t, 'nested', 'many generations'), { depth: 6 })
})
