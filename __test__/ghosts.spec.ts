import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('what the parent has queued around the call runs once in the parent, and never in a clone', async (t) => {
  const told = await playScene(t, 'ghosts', 'queued')
  t.deepEqual(told.ghosts, [])
  t.deepEqual(told['ghosts of the second'], [])
  t.deepEqual(told['not once in the parent'], [])
  t.is(told['in the parent'], 68)
  t.is(told['intervals in the parent'], 4)
})

test('nor when run is called in a callback of any kind', async (t) => {
  const told = await playScene(t, 'ghosts', 'in every kind of callback')
  t.deepEqual(told, { timeout: [], immediate: [], tick: [], microtask: [], file: [] })
})

test("the parent's measurement of delays of its event loop does not wake a clone", async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'delays of the event loop'), {
    "counted for the parent's in a clone": 0,
  })
})

test('nor when many clones are made while timers keep firing', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'a busy parent'), { ghosts: [] })
})

test('nor when immediates are always queued', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'immediates'), { ghosts: [], 'in the parent': 15 })
})

test("the parent's messages are read in the parent alone", async (t) => {
  const of = (what: string, where: string) => [`channel ${what}, ${where}`, `port ${what}, ${where}`]
  t.deepEqual(await playScene(t, 'ghosts', 'messages'), {
    'in the clone': of('of the clone', 'clone'),
    'status of a clone that waits for no message': 13,
    'in the parent': of('before the fork', 'parent'),
  })
})

test('what is done in the parent, or under way there, and not told yet is told in the parent alone', async (t) => {
  const told = await playScene(t, 'ghosts', 'done and not told')
  t.deepEqual(told.ghosts, [])
  t.deepEqual(told['in the parent'], [
    'closed',
    'connected',
    'datagram sent',
    'made by the pool',
    'not found',
    'refused',
    'written',
  ])
  t.true(told['written once'])
  // It ends by itself: what is under way in the parent does not keep it.
  t.is(told['status of a clone that begins nothing'], 13)
})

test("the parent's listeners of its end, its errors and its signals are not the clone's", async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'listeners'), {
    'listeners left': 0,
    "SIGUSR2 without a listener of the clone's": 'SIGUSR2',
    "SIGHUP without a listener of the clone's": 'SIGHUP',
    "SIGUSR2 with a listener of the clone's": 'SIGUSR2',
    'status without an exit code of its own': 13,
  })
})

test('a signal to the parent does not reach its clone', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'signals to the parent'), { clone: 'undisturbed', received: 1 })
})

test("a signal to a clone that is not yet set up does not reach the parent's listeners there", async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'a signal while the clone is set up'), {
    'ended by': 'SIGUSR2',
    'spawned, ended by': 'SIGUSR2',
    'in the parent': [],
  })
})

test('what node ignores a clone ignores, whatever listeners its parent has', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'signals that node ignores'), {
    spawned: 7,
    run: 7,
    "a listener of the clone's": 'SIGPIPE',
  })
})

test('a change to a file that the parent watches is told to the parent alone', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'a watched file'), { ghosts: [], text: 'b' })
  t.deepEqual(await playScene(t, 'ghosts', 'a polled file'), { ghosts: [], text: 'bb' })
})

test('a file that the parent watches may be gone', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'a watched file that is gone'), { spawn: 7, run: 'value' })
})

test("the clone's own timers, immediates, files, imports and servers work", async (t) => {
  const told = await playScene(t, 'ghosts', "the clone's own")
  t.deepEqual(told, {
    order: ['tick', 'immediate', 'timer', 'awaited immediate', 'interval', 'file', 'loaded late', 'server'],
    'immediates alone': 'reached',
    'timeout alone': 'reached',
  })
})

test('what V8 compiles for a module of the parent is done before the fork, for which the clone would wait in vain', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'compiled by V8 for the parent'), { answer: 'compiled' })
})
