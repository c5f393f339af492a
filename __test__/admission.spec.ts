import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('beyond maxClones calls wait, and come in order', async (t) => {
  t.deepEqual(await playScene(t, 'admission', 'in order'), {
    order: Array.from({ length: 12 }, (_, i) => i),
    most: 2,
    raised: 'second',
  })
})

test('beyond maxQueue calls are turned away', async (t) => {
  const { beyond, ...told } = await playScene(t, 'admission', 'too many wait')
  const [code, message] = beyond as [string, string]
  t.is(code, 'ERR_QCLONE_QUEUE_FULL')
  t.regex(message, /: 1 of at most 1 clones are alive and 2 of at most 2 calls wait: /)
  t.deepEqual(told, { 'those who waited': [1, 2], afterwards: 'works' })
})

test('a call that waits can be aborted, and others go on', async (t) => {
  t.deepEqual(await playScene(t, 'admission', 'aborted in the queue'), {
    aborted: 'ERR_QCLONE_ABORTED',
    others: [1, null, 3],
  })
})

test('spawn does not wait', async (t) => {
  t.deepEqual(await playScene(t, 'admission', 'spawn refuses'), {
    beyond: 'ERR_QCLONE_QUEUE_FULL',
    'listeners left': 0,
    clones: 2,
    afterwards: 7,
  })
})

test('a handler can hold the parent back', async (t) => {
  t.deepEqual(await playScene(t, 'admission', 'held back by a handler'), {
    statuses: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    most: true,
  })
})

test('a place is given back however a clone ends', async (t) => {
  const { refused, ...told } = await playScene(t, 'admission', 'a place is given back')
  t.is(refused, 'ERR_QCLONE_UNSERIALIZABLE')
  t.deepEqual(told, {
    throws: 'works',
    exits: 'works',
    'is killed': 'works',
    'is aborted': 'works',
    spawn: 'works',
    'is refused': 'works',
    'in a clone': 'works',
  })
})

test('a task that has waited sees the async context of its caller', async (t) => {
  t.deepEqual(await playScene(t, 'admission', 'the context of the caller'), {
    'at once': ['a', 'b', 'c'],
    'one after another': ['a', 'b', 'c'],
  })
})

test('the parent takes what has come for it between two forks', async (t) => {
  t.deepEqual(await playScene(t, 'admission', 'a fork a turn'), {
    'timers before each': [0, 1, 2],
    nested: [1, 2, 3],
  })
})

test('without the memory that a clone may come to need there is none', async (t) => {
  const { run, ...told } = await playScene(t, 'admission', 'memory')
  const [code, message] = run as [string, string]
  t.is(code, 'ERR_QCLONE_MEMORY')
  t.regex(
    message,
    /: no clone was made: \d+ MB of memory are reserved for it, but only \d+ MB are available .*: .*configure/,
  )
  t.deepEqual(told, {
    spawn: 'ERR_QCLONE_MEMORY',
    told: 2,
    transient: true,
    'not reckoned': 'works',
    'by default': 'works',
  })
})

test('whoever has no clone yet when all are stopped gets none', async (t) => {
  t.deepEqual(await playScene(t, 'admission', 'stopAll before the fork'), {
    statuses: [],
    outcomes: ['ERR_QCLONE_ABORTED', 'ERR_QCLONE_ABORTED', 'ERR_QCLONE_ABORTED'],
    scope: 'ERR_QCLONE_ABORTED',
    made: 0,
    afterwards: 'works',
  })
})

test('forkFailed is told of those who find no place', async (t) => {
  t.deepEqual(await playScene(t, 'admission', 'told of who is turned away'), {
    told: ['resident ERR_QCLONE_QUEUE_FULL', 'run ERR_QCLONE_QUEUE_FULL', 'stream ERR_QCLONE_QUEUE_FULL'],
  })
})

test('all clones can be stopped, and all who wait', async (t) => {
  t.deepEqual(await playScene(t, 'admission', 'stopAll'), {
    signals: ['SIGKILL', 'SIGTERM', 'SIGTERM'],
    outcomes: ['ERR_QCLONE_DIED', 'ERR_QCLONE_ABORTED'],
    'listeners left': 0,
    clones: [],
    spawned: 'SIGTERM',
    closed: true,
    scope: [],
    using: 'lives',
    disposed: [],
    'of use': ['RangeError', 'TypeError', 'TypeError'],
    afterwards: 'works',
  })
})
