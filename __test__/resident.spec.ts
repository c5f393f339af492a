import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('messages go both ways, in order, on the data as of the fork', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'messages'), {
    'another process': true,
    'by event': 'a! of 1: 1',
    'by iteration': [1000, true],
    large: true,
    'of use': 'RangeError',
    stopped: [0, true, false, []],
  })
})

test('either side can close the port, and a clone without other work then ends', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'who closes'), {
    'the parent': ['no error', 0],
    'the clone': ['no error', 0],
    'with work left': true,
    'when it is done': 0,
    'nobody listens': 0,
    unref: ['no error', 0],
  })
})

test('messages wait for somebody to take them', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'held messages'), {
    all: [0, 9999],
    'after the end': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  })
})

test('a port tells its end though messages are unread, which can be read then', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'ends with messages unread'), {
    died: [['ERR_QCLONE_DIED', 3], true, 100, 99, 'ERR_QCLONE_DIED'],
    closed: ['no error', true, 100, 99, 'no error'],
  })
})

test('of two loops over a port at once the second is refused', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'two loops'), {
    'the second': [
      'TypeError',
      'Expected one loop over a port at a time: pass messages on from the first one, or listen for `message`',
    ],
    'one after the other': [1, 2, 3],
  })
})

test('a listener that throws costs no message', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'a listener that throws'), { seen: [300, 0, 299] })
})

test('what was sent before a port is closed arrives, though the other side goes on sending', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'closed behind many messages'), { seen: '300' })
})

test('a port that is held up can be closed', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'closed while it is held up'), { closed: true, status: 0 })
})

test('the port tells why the clone died', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'deaths'), {
    killed: [['ERR_QCLONE_DIED', 'SIGKILL'], 'an error'],
    thrown: ['of the function', 'an error'],
    rejected: ['later', 'an error'],
    uncaught: ['much later', 'an error'],
    exit: [['ERR_QCLONE_DIED', 7], 'an error'],
    'exit 0': ['no error', 'no error'],
    afterwards: 'works',
  })
})

test('a clone that stays can be ended', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'ended from outside'), {
    deadline: ['ERR_QCLONE_TIMEOUT', 'SIGTERM'],
    aborted: ['ERR_QCLONE_ABORTED', 'SIGTERM'],
    lives: true,
    disposed: [],
    stubborn: 'SIGKILL',
  })
})

test('a clone connects to a server of its parent as any client does', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'connects back'), {
    told: 'from the parent',
    read: 'from the clone',
    'not listening': 'TypeError',
  })
})

test('clones that stay have nothing to do with each other', async (t) => {
  t.deepEqual(await playScene(t, 'resident', 'two clones'), {
    'each its snapshot': ['a of 1: 1', 'a of 1: 2'],
    elder: true,
    'in a clone': [true, false, false],
  })
})
