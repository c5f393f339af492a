import test from 'ava'
import { playScene } from './helpers/fixture.js'

const IS_BUSY = { name: 'QcloneError', code: 'ERR_QCLONE_THREADS' }

const atWork = test.macro({
  title: (_, when: string) => `a busy libuv pool refuses spawn after its bound, and run waits: ${when}`,
  async exec(t, when: string, words: RegExp) {
    const { spawn, check, ...told } = await playScene(t, 'pool', 'at work', { args: [when] })
    t.like(spawn, IS_BUSY)
    const { message, threads } = spawn as { message: string; threads: Array<{ busy: boolean; what: string }> }
    t.regex(message, words)
    t.regex(message, /raise `forkTimeout` for `run`, or `spawnTimeout` for `spawn`/)
    t.is(threads.length, 4)
    t.true(threads.every(({ busy }) => busy))
    t.like(check, { ok: false, code: 'ERR_QCLONE_THREADS', transient: true })
    t.deepEqual(told, {
      ...(when !== 'first use' && { before: 'value' }),
      'not before its bound': true,
      'none was done': true,
      run: true,
      'spawn afterwards': 4,
    })
  },
})

test(atWork, 'seen at rest before', /libuv's thread pool, busy/)
test(atWork, 'first use', /libuv's thread pool|not yet identified/)

test('a parent whose pool is at work in every turn can be cloned', async (t) => {
  const told = await playScene(t, 'pool', 'always at work')
  t.deepEqual(Object.values(told), Array(5).fill('value'))
})

test('a fork that has waited for long blocks until a pool is at rest that never is after 2 ms', async (t) => {
  t.deepEqual(await playScene(t, 'pool', 'always at work', { args: ['10', 'only'] }), { only: 'value' })
})

test('run gives up after its bound, and works again when the pool is at rest', async (t) => {
  const told = await playScene(t, 'pool', 'past the bound of run')
  t.like(told.run, IS_BUSY)
  t.like(told.spawn, IS_BUSY)
  t.is(told.afterwards, 'value')
})

test('the parent goes on while run waits for the pool', async (t) => {
  t.deepEqual(await playScene(t, 'pool', 'while run waits'), {
    'settled too early': false,
    'turns that the clone saw': true,
  })
})

test('a clone has a pool of its own', async (t) => {
  t.deepEqual(await playScene(t, 'pool', 'work for the clone'), {
    'in the clone': 1,
    'in the parent': true,
    'another clone': 8,
  })
})

test('what the pool opens while a fork waits for it is not open in the clone', async (t) => {
  t.deepEqual(await playScene(t, 'pool', 'opens while a fork waits'), { 'open in the clone': 0 })
})

test('work of the pool that is done by the fork has been told by then', async (t) => {
  t.deepEqual(await playScene(t, 'pool', 'finished and not told'), {
    'a small file': 10,
    'a key': 10,
    'one thing after another': 10,
    'an address': 10,
  })
})

test('a write under way is not taken for work of the pool', async (t) => {
  t.deepEqual(await playScene(t, 'pool', 'beside a request that is no work of the pool'), {
    'under way': true,
    'refusals by it': 0,
    'refusals by a read': true,
  })
})

const inEachTurn = test.macro({
  title: (_, kind: string) => `beside work in each turn, by ${kind}, run forks within some turns`,
  async exec(t, kind: string) {
    const { turns, ...answers } = await playScene(t, 'pool', 'work in each turn', { args: [kind] })
    t.deepEqual(Object.values(answers), ['value', 'value', 'value'])
    // Collections of garbage take some.
    t.true((turns as number) < 60, `${turns}`)
  },
})

test(inEachTurn, 'immediates')
test(inEachTurn, 'messages')
test(inEachTurn, 'promises')
test(inEachTurn, 'timers')
