import test from 'ava'
import { playScene, runFixture } from './helpers/fixture.js'
import type { Described } from './helpers/scene.js'

const exitsWith = test.macro({
  title: (_, returned: string, status: number) =>
    `a clone whose function returns ${returned} exits with ${status}`,
  async exec(t, returned: string, status: number) {
    const told = await playScene(t, 'spawn', 'returning', { args: [returned] })
    t.deepEqual(told, { ended: { status, signaled: false } })
  },
})

test(exitsWith, '0', 0)
test(exitsWith, '7', 7)
test(exitsWith, '254', 254)
test(exitsWith, '255', 255)
test(exitsWith, 'nothing', 255)
test(exitsWith, 'null', 255)
test(exitsWith, 'text', 255)
test(exitsWith, 'a numeral', 255)
test(exitsWith, 'negative', 255)
test(exitsWith, 'too large', 255)
test(exitsWith, 'fraction', 255)
test(exitsWith, 'NaN', 255)
test(exitsWith, 'a bigint', 255)
test(exitsWith, 'true', 255)
test(exitsWith, 'a promise', 255)

test('arguments are passed by reference, spread or in an array with the function', async (t) => {
  t.deepEqual(await playScene(t, 'spawn', 'arguments'), {
    spread: 5,
    array: 9,
    'array of the function alone': 6,
    'by reference': 3,
  })
})

test('a throw ends the clone with 1, and its stack is on stderr once', async (t) => {
  const { told, stderr, code } = await runFixture('spawn', 'throwing')
  t.is(code, 0)
  t.is(told.status, 1)
  t.is(stderr.split('RangeError: the clone failed').length, 2, stderr)
  t.regex(stderr, /at failing \(.*spawn\.js/)
})

test('a throw of what is no error ends the clone with 1, and is on stderr', async (t) => {
  const { told, stderr } = await runFixture('spawn', 'throwing what is no error')
  t.is(told.status, 1)
  t.is(stderr.split("odd: 'thing'").length, 2, stderr)
})

test("process.exit ends the clone alone, after the clone's own exit listeners", async (t) => {
  t.deepEqual(await playScene(t, 'spawn', 'exiting'), { 3: 3, 4: 4, 5: 5, 'exit listener of the clone': 5 })
})

test('what cannot be called synchronously is a TypeError, and nothing is called', async (t) => {
  const { called, ...told } = await playScene(t, 'spawn', 'refused')
  t.is(called, 0)
  for (const [name, error] of Object.entries(told)) {
    const { name: type, message } = error as Described
    t.is(type, 'TypeError', name)
    t.regex(message, /async|generator/.test(name) ? /`f`.*use `run`/ : /`f` to be a function/, name)
  }
})

test('a clone has its own pid, and knows that it is a clone', async (t) => {
  const told = await playScene(t, 'spawn', 'identity')
  const parent = told.parent as Record<string, number>
  t.like(told, {
    kind: 'spawn',
    'started now': true,
    timings: true,
    'status before': true,
    'status after': true,
  })
  t.deepEqual(told['in clone'], { pid: parent.clone, ppid: parent.pid, isClone: true })
  t.like(parent, { isClone: false, isCloneAfter: false, after: parent.pid })
  t.not(parent.clone, parent.pid)
  t.like(told.status, { pid: parent.clone, exited: true, status: 0, signaled: false, coredumped: false })
  const { rusage } = told.status as { rusage: Record<string, number> }
  t.true((rusage.maxRssKib ?? 0) > 1024)
})

test('what the function leaves queued does not run', async (t) => {
  t.deepEqual(await playScene(t, 'spawn', 'queued in the clone'), { status: 0 })
})

test('what the parent has queued runs in the parent, once, and not in the clone', async (t) => {
  t.deepEqual(await playScene(t, 'spawn', 'queued in the parent'), {
    status: 0,
    'ran in the parent': ['immediate', 'microtask', 'tick', 'timeout'],
  })
})

test('a clone can be made in a callback of any kind', async (t) => {
  t.deepEqual(await playScene(t, 'spawn', 'in every kind of callback'), { statuses: [1, 2, 3, 4] })
})

test('what the clone prints arrives once', async (t) => {
  const { told, stderr } = await runFixture('spawn', 'output of the clone')
  t.like(told, { 'by process.stdout': 1, 'by console.log': 2, status: 0 })
  t.is(stderr, 'by console.error\n')
})
