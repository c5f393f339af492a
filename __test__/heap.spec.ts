import { release } from 'node:os'
import test from 'ava'
import { playScene } from './helpers/fixture.js'

const CLONES = {
  spawn: 3,
  'in the next': 'changed',
  'a child process': '42',
  'in the parent': true,
}

test('clones have all of a heap that lies together, on huge pages where there are any', async (t) => {
  const { mode, ...rest } = await playScene(t, 'heap', 'clones of it')
  t.true(mode === 'huge' || mode === 'dense', String(mode))
  t.deepEqual(rest, { ...CLONES, 'in a clone': [mode, true, true] })
})

test('clones have all of a heap that lies together, on small pages', async (t) => {
  t.deepEqual(await playScene(t, 'heap', 'clones of it', { env: { QCLONE_HEAP: 'dense' } }), {
    ...CLONES,
    mode: 'dense',
    'in a clone': ['dense', true, true],
  })
})

test('by --import it is on before the program begins', async (t) => {
  const { mode } = await playScene(t, 'heap-by-flag', 'status', {
    nodeArgs: ['--import', 'node-qclone/heap'],
  })
  t.not(mode, 'off')
  t.deepEqual(await playScene(t, 'heap-by-flag', 'status'), { mode: 'off' })
})

test('slow forks of a large heap are said to be', async (t) => {
  const none = { 'a small heap': 'none', 'a fast fork': 'none' }
  t.deepEqual(await playScene(t, 'heap-by-flag', 'advice'), {
    ...none,
    'a slow fork':
      'a fork took 51 ms for a heap of N MiB: start the program with `node --import node-qclone/heap`, see docs/heap.md',
    remembered: true,
  })
  t.deepEqual(await playScene(t, 'heap-by-flag', 'advice', { nodeArgs: ['--import', 'node-qclone/heap'] }), {
    ...none,
    'a slow fork': 'none',
    remembered: false,
  })
})

test('a large heap is a few mappings', async (t) => {
  const { mappings } = await playScene(t, 'heap', 'mappings')
  const { mappings: without } = await playScene(t, 'heap', 'mappings', { env: { QCLONE_HEAP: 'off' } })
  t.true(Number(without) - Number(mappings) > 200, `${mappings}, and ${without} without`)
})

test('an environment variable turns it off, and says so', async (t) => {
  t.deepEqual(await playScene(t, 'heap', 'status', { env: { QCLONE_HEAP: 'off' } }), {
    mode: 'off',
    reason: 'QCLONE_HEAP is `off`',
    'a clone': true,
  })
  t.deepEqual(await playScene(t, 'heap', 'status', { env: { QCLONE_HEAP: 'on' } }), {
    mode: 'off',
    reason: 'Expected QCLONE_HEAP to be huge, dense or off, got `on`',
    'a clone': true,
  })
  const { reason } = await playScene(t, 'heap', 'status', { env: { QCLONE_HEAP_UPKEEP: 'on' } })
  t.is(reason, 'Expected QCLONE_HEAP_UPKEEP to be unshared, all or off, got `on`')
})

test('large arrays are on huge pages, and keep what they hold', async (t) => {
  t.deepEqual(await playScene(t, 'heap', 'a large array'), {
    'on huge pages': true,
    'in a clone': true,
    'in the parent': true,
  })
})

test("huge pages that clones have split are restored, by a thread that is in no fork's way", async (t) => {
  const { mode } = await playScene(t, 'heap', 'status')
  const [major = 0, minor = 0] = release().split('.').map(Number)
  if (mode !== 'huge' || major < 6 || (major === 6 && minor < 7)) {
    return void t.pass('this system has no huge pages, or cannot say which pages are')
  }
  const restored = { 'split by writing': true, 'in a clone': [0, true], 'in the parent': true }
  t.deepEqual(await playScene(t, 'heap', 'upkeep'), { ...restored, 'its thread': 1 })
})

test('a Worker may turn it on, and end', async (t) => {
  t.deepEqual(await playScene(t, 'heap-in-worker', 'that has ended'), {
    'in the Worker': [true, true],
    'still on': true,
    'in a clone': true,
  })
})
