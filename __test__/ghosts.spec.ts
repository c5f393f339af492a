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

test('nor when many clones are made while timers keep firing', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'a busy parent'), { ghosts: [] })
})

test('nor when immediates are always queued', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'immediates'), { ghosts: [], 'in the parent': 15 })
})

test("the parent's listeners of its end, its errors and its signals are not the clone's", async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'listeners'), {
    'listeners left': 0,
    "SIGUSR2 without a listener of the clone's": 'SIGUSR2',
    "SIGHUP without a listener of the clone's": 'SIGHUP',
    "SIGUSR2 with a listener of the clone's": 'SIGUSR2',
  })
})

test('a signal to the parent does not reach its clone', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'signals to the parent'), { clone: 'undisturbed', received: 1 })
})

test('a change to a file that the parent watches is told to the parent alone', async (t) => {
  t.deepEqual(await playScene(t, 'ghosts', 'a watched file'), { ghosts: [], text: 'b' })
})

test("the clone's own timers, immediates, files, imports and servers work", async (t) => {
  const told = await playScene(t, 'ghosts', "the clone's own")
  t.deepEqual(told, {
    order: ['tick', 'immediate', 'timer', 'awaited immediate', 'interval', 'file', 'loaded late', 'server'],
    'immediate alone': 'reached',
    'timeout alone': 'reached',
  })
})
