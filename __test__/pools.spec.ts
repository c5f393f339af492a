import test from 'ava'
import { createPool, type PoolOptions } from 'node-qclone'
import { playScene } from './helpers/fixture.js'

test('pools have as many clones each as they allow', async (t) => {
  t.deepEqual(await playScene(t, 'pools', 'places of their own'), {
    values: '01234567'.repeat(3),
    most: { a: 1, b: 2, default: 3 },
  })
})

test('a pool that is full keeps no other one waiting', async (t) => {
  t.deepEqual(await playScene(t, 'pools', 'one that is full'), {
    other: 'works',
    default: 'works',
    waits: true,
    afterwards: 'has waited',
    'beside a full default': ['ERR_QCLONE_QUEUE_FULL', 'works'],
  })
})

test('beyond its maxQueue a pool turns calls away', async (t) => {
  const { beyond, ...told } = await playScene(t, 'pools', 'a full queue')
  const [code, message] = beyond as [string, string]
  t.is(code, 'ERR_QCLONE_QUEUE_FULL')
  t.regex(message, /: 1 of at most 1 clones are alive and 1 of at most 1 calls wait: .*`createPool`$/)
  t.deepEqual(told, {
    others: Array.from({ length: 4 }, () => 'ERR_QCLONE_QUEUE_FULL'),
    told: ['run', 'spawn', 'resident', 'stream', 'run'].map((kind) => `${kind} ERR_QCLONE_QUEUE_FULL`),
    'who waited': 'has waited',
    afterwards: 'works',
  })
})

test('a call that waits in a pool can be aborted, and others go on', async (t) => {
  t.deepEqual(await playScene(t, 'pools', 'aborted while queued'), {
    aborted: ['AbortError', 'changed my mind'],
    'listeners left': 0,
    others: [1, null, 3],
  })
})

test('stopAll ends the clones of all pools, and turns away those who wait', async (t) => {
  t.deepEqual(await playScene(t, 'pools', 'all are stopped'), {
    listed: 2,
    signals: ['SIGTERM', 'SIGTERM'],
    outcomes: ['ERR_QCLONE_ABORTED', 'ERR_QCLONE_ABORTED'],
    ended: ['SIGTERM', 'SIGTERM'],
    afterwards: ['works', 'works'],
  })
})

test('a pool has every task function, and its places are free in a clone', async (t) => {
  t.deepEqual(await playScene(t, 'pools', 'every function'), {
    frozen: true,
    run: [1, true],
    cloned: [2, true],
    spawn: 3,
    stream: [4, 5],
    resident: 'there',
    'one that stays has its place': true,
    afterwards: 'has waited',
    'in a clone': 'nested',
    'a clone forgets those who wait': [1, 2, 3],
  })
})

test('clones of servers take no place of a pool', async (t) => {
  t.deepEqual(await playScene(t, 'pools', 'a server beside it'), { answer: 'true', 'in the pool': 'works' })
})

const refused = test.macro({
  title: (_, options: unknown) => `createPool refuses ${JSON.stringify(options)}`,
  exec(t, options: unknown, type: typeof TypeError | typeof RangeError, message: RegExp) {
    t.throws(() => createPool(options as PoolOptions), { instanceOf: type, message })
  },
})

test(refused, { maxClones: 0 }, RangeError, /`maxClones` to be a finite number of at least 1/)
test(refused, { maxClones: 1.5 }, RangeError, /`maxClones` to be an integer/)
test(refused, { maxClones: '2' }, TypeError, /`maxClones` to be a number, got `'2'` \(string\)/)
test(refused, { maxQueue: -1 }, RangeError, /`maxQueue` to be a finite number of at least 0/)
test(refused, { inline: true }, TypeError, /to be among maxClones, maxQueue, got `inline`/)
test(refused, null, TypeError, /the options to be an object/)

test('a pool takes no options, undefined ones, and infinite ones', (t) => {
  for (const options of [
    undefined,
    {},
    { maxClones: undefined },
    { maxClones: Infinity, maxQueue: Infinity },
  ]) {
    t.deepEqual(Object.keys(createPool(options as PoolOptions)), [
      'run',
      'spawn',
      'stream',
      'resident',
      'cloned',
    ])
  }
})
