import test from 'ava'
import { playScene } from './helpers/fixture.js'
import type { Described } from './helpers/scene.js'

const dies = test.macro({
  title: (_, way: string) => `a clone that ends by ${way} rejects with ERR_QCLONE_DIED and how it ended`,
  async exec(t, way: string, status: object, words: RegExp) {
    // Node prints its stack when it aborts.
    const noisy = way === 'process.abort()'
    const told = await playScene(t, 'death', 'by', { args: [way], noisy })
    t.like(told.failure, { name: 'QcloneError', code: 'ERR_QCLONE_DIED', status })
    t.regex((told.failure as Described).message, words)
    t.is(told.afterwards, 'works')
  },
})

const NOTHING_LEFT =
  /exited with status 13 \(its event loop had nothing left to do: a promise that was made before the fork never settles in a clone\) before it answered$/

const exited = (status: number) => ({ exited: true, status, signaled: false })
const signaled = (termsig: number, signal: string) => ({ exited: false, signaled: true, termsig, signal })

test(
  dies,
  'process.exit(3)',
  exited(3),
  /^run process\.exit\(3\): clone \d+ exited with status 3 before it answered$/,
)
test(dies, 'process.exit(0)', exited(0), /exited with status 0/)
test(dies, 'process.exit() in a timer', exited(9), /exited with status 9/)
test(dies, 'process.exitCode', exited(6), /exited with status 6/)
test(dies, 'a promise that never settles', exited(13), NOTHING_LEFT)
test(dies, 'an await that never ends', exited(13), NOTHING_LEFT)
test(dies, 'SIGSEGV', signaled(11, 'SIGSEGV'), /was killed by SIGSEGV/)
test(
  dies,
  'SIGKILL',
  signaled(9, 'SIGKILL'),
  /was killed by SIGKILL \(perhaps by the OOM killer: see `dmesg`\) before it answered$/,
)
test(dies, 'SIGTERM', signaled(15, 'SIGTERM'), /was killed by SIGTERM/)
test(dies, 'process.abort()', signaled(6, 'SIGABRT'), /was killed by SIGABRT/)

test('the status of a spawned clone names the signal that ended it', async (t) => {
  t.deepEqual(await playScene(t, 'death', 'spawned'), {
    status: { status: null, signal: 'SIGSEGV', signaled: true, exited: false },
  })
})

test('a process that holds the pipe does not hang run when the clone dies', async (t) => {
  const told = await playScene(t, 'death', 'leaving a process behind', { args: ['dying'] })
  t.like(told.outcome, { code: 'ERR_QCLONE_DIED', status: signaled(9, 'SIGKILL') })
  t.is(told['left behind'], 'sleep')
})

test('a process that holds the pipe does not hold up the answer', async (t) => {
  const told = await playScene(t, 'death', 'leaving a process behind', { args: ['answering'] })
  t.deepEqual(told, { outcome: true, 'left behind': 'sleep' })
})

test('a clone can run processes', async (t) => {
  t.deepEqual(await playScene(t, 'death', 'a process of its own'), { output: 'from the shell\n' })
})
