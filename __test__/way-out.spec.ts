import test from 'ava'
import { playScene } from './helpers/fixture.js'

const replaced = test.macro({
  title: (_, name: string) => `a ${name} in the parent changes neither statuses nor hooks of clones`,
  async exec(t, name: string) {
    t.deepEqual(await playScene(t, 'way-out', 'replaced', { args: [name], noisy: true }), {
      statuses: [7, 1, 5, 6],
      answer: 42,
      value: 'streamed',
      error: 'mine',
      'status at the end of the loop': 13,
    })
  },
})

test(replaced, 'process.exit that throws')
test(replaced, 'process.exit that returns')
test(replaced, 'process.reallyExit that returns')
test(replaced, 'process.emit with hooks')
test(replaced, 'process.emit that takes errors')
test(replaced, 'process.nextTick that never comes')

const patched = test.macro({
  title: (_, whose: string) => `an emit patched on the prototype of ${whose} runs in no clone`,
  async exec(t, whose: string) {
    t.deepEqual(await playScene(t, 'way-out', 'emit patched', { args: [whose] }), {
      "the clone's own listener": 'called',
      status: 7,
      'status at the end of the loop': 13,
      "the clone's own emit": 'called',
      'status with its own': 8,
    })
  },
})

test(patched, 'all emitters')
test(patched, 'the process')

test('a clone that replaces its own way out leaves with its status all the same', async (t) => {
  t.deepEqual(await playScene(t, 'way-out', 'replaced in the clone'), { status: 7 })
})

const broken = test.macro({
  title: (_, how: string) =>
    `a clone whose error cannot be answered leaves with status 7, where it has ${how}`,
  async exec(t, how: string) {
    t.deepEqual(
      await playScene(t, 'way-out', 'an error that cannot be answered', { args: [how], noisy: true }),
      {
        status: 7,
      },
    )
  },
})

test(broken, 'broken globals')
test(broken, 'a handler that throws, and broken globals')

test("a clone leaves in order although Node's own way out is put back, or called, as by signal-exit", async (t) => {
  t.deepEqual(await playScene(t, 'way-out', "node's own put back in the clone"), {
    'put back': [42, 3],
    wrapped: [42, 3],
    'called directly': 4,
  })
})

const hooks = test.macro({
  title: (_, version: string) => `hooks of signal-exit ${version} run where they were made`,
  async exec(t, version: string) {
    t.deepEqual(await playScene(t, 'way-out', 'hooks of signal-exit', { args: [version] }), {
      answer: 42,
      "the clone's own hook": 3,
      status: 3,
    })
  },
})

test(hooks, '3')
test(hooks, '4')

test('a hidden global process keeps neither clone nor parent from going on', async (t) => {
  t.deepEqual(await playScene(t, 'way-out', 'a hidden process', { noisy: true }), {
    'hidden in the clone': [42, 'mine', 43],
    'hidden in the parent': [44, 7],
    'ended by signals': [],
  })
  const told = await playScene(t, 'way-out', 'a process hidden before the first call')
  t.deepEqual(told, { answer: 44 })
})

const goesOn = test.macro({
  title: (_, how: string) => `a beforeExit listener that goes on ${how} is waited for, and asked again`,
  async exec(t, how: string) {
    const told = await playScene(t, 'way-out', 'beforeExit that goes on', { args: [how] })
    t.deepEqual(told, { done: true, asked: 2, status: 13 })
  },
})

test(goesOn, 'by a promise')
test(goesOn, 'by a tick')
test(goesOn, 'by an immediate')

test('the last turn of a clone is run to its end', async (t) => {
  // After the last timer, Node runs no immediate without a reference.
  t.deepEqual(await playScene(t, 'way-out', 'the last turn'), { destroyed: true, status: 13 })
})
