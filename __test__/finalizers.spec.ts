import test from 'ava'
import { playScene, type ScriptOptions } from './helpers/fixture.js'

const COLLECTS: ScriptOptions = { nodeArgs: ['--expose-gc'] }
const NOTHING = { 'in the clone': [], 'in the parent': [] }

const holds = test.macro(async (t, scene: string) => {
  t.deepEqual(await playScene(t, 'finalizers', scene, COLLECTS), NOTHING)
})

test(
  "what the parent's timers and immediates alone hold is no garbage in a clone",
  holds,
  'timers and immediates',
)
test("nor is what the parent's listeners for its end and its signals hold", holds, 'listeners')
test('nor is what replaced properties of the process hold', holds, 'replaced properties')
test('nor are files and directories that the parent has open', holds, 'files and directories')
test("nor is what the parent's requests hold, under way or not", holds, 'requests under way')
test('nor is what only handles hold', holds, 'handles')

test("nor is what the parent's capture of errors holds", async (t) => {
  t.deepEqual(await playScene(t, 'finalizers', 'a capture of errors', COLLECTS), {
    'in the clone': [],
    'in the parent': [],
    'in the second clone': ['callback'],
  })
})

test('nor is what the callers of clones go on with', async (t) => {
  t.deepEqual(await playScene(t, 'finalizers', 'callers', COLLECTS), {
    'in the clone': [],
    'in the parent': 5,
  })
})

test('nor is what the callers of clones that stay go on with', async (t) => {
  t.deepEqual(await playScene(t, 'finalizers', 'callers of clones that stay', COLLECTS), {
    'in the first clone': [],
    'in the second clone': [],
    'in the third clone': [],
    'in the parent': 3,
  })
})

test("nor is what the parent's output holds that is under way", async (t) => {
  const scene = 'output under way'
  t.deepEqual(await playScene(t, 'finalizers', scene, { ...COLLECTS, noisy: true }), { 'in the clone': [] })
})

test('what a clone itself lets go of is finalized there, and what was garbage before on both sides', async (t) => {
  t.deepEqual(await playScene(t, 'finalizers', 'what the clone lets go of', COLLECTS), {
    'in the clone': ['held by nobody', 'listener'],
    'in the parent': ['held by nobody'],
  })
})
