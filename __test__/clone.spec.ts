import test from 'ava'
import { lookUp } from '../harness/processes.js'
import { playScene, runFixture } from './helpers/fixture.js'
import type { Described } from './helpers/scene.js'

test('kill sends a signal by name or number, SIGTERM by default', async (t) => {
  t.deepEqual(await playScene(t, 'clone', 'kill'), {
    default: [true, 'SIGTERM'],
    name: [true, 'SIGKILL'],
    number: [true, 'SIGKILL'],
    'another name': [true, 'SIGUSR2'],
  })
})

test('kill with 0 only asks', async (t) => {
  t.deepEqual(await playScene(t, 'clone', 'kill with 0'), { there: [true, true], gone: false })
})

test('kill of a clone that was reaped does not reach a later one of the same pid', async (t) => {
  t.deepEqual(await playScene(t, 'clone', 'kill of one whose pid lives again'), {
    first: false,
    second: true,
    signals: [['second', 15]],
  })
})

test('kill refuses what is no signal', async (t) => {
  const { unharmed, ...told } = await playScene(t, 'clone', 'kill with what is no signal')
  t.true(unharmed)
  for (const [signal, error] of Object.entries(told)) {
    const { name, message } = error as Described
    t.regex(name, /^(Type|Range)Error$/, `${signal}: ${message}`)
    t.regex(message, /^Expected `signal` to be /, signal)
  }
})

test('kill after the end reaches nobody', async (t) => {
  t.deepEqual(await playScene(t, 'clone', 'kill after the end'), {
    killed: [false, false, false],
    status: 3,
    'refused all the same': 'TypeError',
  })
})

test('a clone that was unref does not keep the parent, and dies with it', async (t) => {
  const { itself, pid } = await playScene(t, 'clone', 'unref')
  t.true(itself)
  // Whoever adopted it may take a while to reap it.
  t.true([undefined, 'Z'].includes(lookUp(pid as number)?.state))
})

test('a clone keeps the parent by default, and after ref', async (t) => {
  t.deepEqual(await playScene(t, 'clone', 'ref by default'), { told: 6 })
  t.deepEqual(await playScene(t, 'clone', 'unref and ref'), { itself: true, told: 6 })
})

test('ref and unref after the end do nothing', async (t) => {
  t.deepEqual(await playScene(t, 'clone', 'ref after the end'), { itself: true })
})

const diesWithIt = test.macro({
  title: (_, scene: string) => `clones die with ${scene}`,
  async exec(t, scene: string, ending: object) {
    // That nothing is left of the group is what runFixture waits for.
    const outcome = await runFixture('clone', scene)
    t.like(outcome, { ...ending, stderr: '' })
    t.is((outcome.told.pids as number[]).length, 3)
  },
})

test(diesWithIt, 'a parent that is killed', { signal: 'SIGKILL' })
test(diesWithIt, 'a parent that exits', { code: 4 })
