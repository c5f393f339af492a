import test from 'ava'
import { cloned, run, spawn } from 'node-qclone'
import { playScene } from './helpers/fixture.js'

test('a socket that is kept goes on in the clone, and others are mute there', async (t) => {
  t.deepEqual(await playScene(t, 'keep', 'a socket'), {
    'received by the clone': 'to the kept one',
    'written to another': 'EPIPE',
    'peer of the kept one': 'from the clone',
    'peer of the other': '',
  })
})

test('one of many sockets is kept, the others are mute, and their numbers are not used again', async (t) => {
  t.deepEqual(await playScene(t, 'keep', 'one of many'), {
    'codes of the others': ['EPIPE'],
    'a new connection': 'works',
    'numbers used again': [],
    'peer of the kept one': 'from the clone',
    'ended in the parent': 0,
  })
})

test('a server that is kept accepts in the clone', async (t) => {
  t.deepEqual(await playScene(t, 'keep', 'a server'), { answer: 'the clone' })
})

test('descriptors and file handles are kept by their number', async (t) => {
  t.deepEqual(await playScene(t, 'keep', 'files'), {
    'read in the clone': ['text', 'text', 'EBADF'],
    'written by spawn': 'from the clone',
  })
})

test('what is in a pipe of the parent is not read in a clone, and nothing of a clone comes there', async (t) => {
  t.deepEqual(await playScene(t, 'keep', 'pipes'), {
    'read in the clone': 'EAGAIN: resource temporarily unavailable, read',
    'read in the parent': 'from the parent',
  })
})

test('run waits until what was written to a kept socket has left; spawn refuses', async (t) => {
  const told = await playScene(t, 'keep', 'writes pending')
  t.like(told.spawn, { name: 'QcloneError', code: 'ERR_QCLONE_HANDLE_UNAVAILABLE' })
  t.like(told['run past its bound'], { name: 'QcloneError', code: 'ERR_QCLONE_HANDLE_UNAVAILABLE' })
  t.deepEqual(told['told forkFailed'], ['ERR_QCLONE_HANDLE_UNAVAILABLE', 'ERR_QCLONE_HANDLE_UNAVAILABLE'])
  t.is(told.run, 'a value')
  t.true(told['bytes arrived once'])
})

test('a socket is kept that begins or ceases to wait for room in the turn of the fork', async (t) => {
  const told = await playScene(t, 'keep', 'changing watchers')
  t.deepEqual(told['received by clones'], Array(3).fill('to the clone'))
})

test('what is closed between the call and the fork is refused', async (t) => {
  const told = await playScene(t, 'keep', 'closed meanwhile')
  t.like(told.run, { name: 'QcloneError', code: 'ERR_QCLONE_HANDLE_UNAVAILABLE' })
  t.is(told.afterwards, 'works')
})

const refused = test.macro({
  title: (_, what: string) => `refused at once: ${what}`,
  exec(t, _what: string, options: object, error: { instanceOf: ErrorConstructor; message: RegExp }) {
    t.throws(() => run.with(options), error)
    t.throws(() => spawn.with(options), error)
    t.throws(() => cloned(() => {}, options), error)
  },
})

test(refused, 'an unknown option', { keeps: [] }, { instanceOf: TypeError, message: /got `keeps`/ })
test(
  refused,
  'keep that is no array',
  { keep: 5 },
  { instanceOf: TypeError, message: /`keep` to be an array/ },
)
test(
  refused,
  'what has no descriptor',
  { keep: [0, 'socket'] },
  { instanceOf: TypeError, message: /`keep\[1\]` to be a file descriptor, socket/ },
)
test(
  refused,
  'a descriptor that is not open',
  { keep: [4711] },
  { instanceOf: RangeError, message: /`keep\[0\]` to be open, got `4711`/ },
)
test(refused, 'a handle that is closed', { keep: [{ fd: -1 }] }, { instanceOf: RangeError, message: /open/ })
test(
  refused,
  'stdin of another kind',
  { stdin: 'tty' },
  { instanceOf: TypeError, message: /`ignore` or `inherit`/ },
)
test(refused, 'a title that is no string', { title: 5 }, { instanceOf: TypeError, message: /`title`/ })

test('only spawn can detach', (t) => {
  t.throws(() => run.with({ detached: true } as object), { instanceOf: TypeError, message: /got `detached`/ })
  t.throws(() => spawn.with({ detached: 1 } as object), { instanceOf: TypeError, message: /`detached`/ })
})
