import test from 'ava'
import { autoReap } from 'node-qclone'
import { playScene } from './helpers/fixture.js'

test('clones lists the live clones, newest last, as a copy', async (t) => {
  t.deepEqual(await playScene(t, 'reap', 'listed'), {
    'at first': [],
    pids: [0, 1],
    kinds: ['spawn', 'spawn'],
    keys: ['kind', 'name', 'pid', 'startedAt'],
    times: true,
    'a copy': 2,
    'without the first': [true],
    'at last': [],
  })
})

test('clones are reaped as they end, and none stays as a zombie', async (t) => {
  t.deepEqual(await playScene(t, 'reap', 'of itself'), {
    statuses: true,
    gone: true,
    clones: 0,
    zombies: 0,
    'gone after run': true,
    'zombies after run': 0,
  })
})

test('reap takes the status of a clone that has ended, at once and once', async (t) => {
  t.deepEqual(await playScene(t, 'reap', 'by hand'), {
    'nothing to reap': [],
    'not before': true,
    reaped: [[true, 5]],
    'at once': true,
    twice: [],
    exited: true,
    'told once': true,
  })
})

test('reap takes those that ended and leaves the others', async (t) => {
  t.deepEqual(await playScene(t, 'reap', 'those that ended'), {
    reaped: [1, 2, 3],
    left: [true],
    signal: 'SIGKILL',
  })
})

test('autoReap does no harm, can be stopped, and does not keep the process', async (t) => {
  t.deepEqual(await playScene(t, 'reap', 'automatic'), {
    statuses: [1, 2, 3],
    told: 3,
    stop: true,
    afterwards: 4,
  })
})

const refused = test.macro({
  title: (_, value: unknown) => `autoReap refuses ${String(value)} milliseconds`,
  exec(t, value: unknown, instanceOf: ErrorConstructor) {
    t.throws(() => autoReap(value as number), { instanceOf, message: /^Expected `ms` to be / })
  },
})

test(refused, 0, RangeError)
test(refused, -1, RangeError)
test(refused, Number.NaN, RangeError)
test(refused, Number.POSITIVE_INFINITY, RangeError)
test(refused, 2 ** 31, RangeError)
test(refused, '5', TypeError)
test(refused, undefined, TypeError)

test('child_process keeps its own statuses while clones come and go', async (t) => {
  t.deepEqual(await playScene(t, 'reap', 'beside child_process'), {
    'of the short ones': true,
    'still waiting': true,
    'of the long one': 7,
    zombies: 0,
  })
})

test('clones leave no descriptor behind', async (t) => {
  t.deepEqual(await playScene(t, 'reap', 'descriptors'), { leaked: 0 })
})
