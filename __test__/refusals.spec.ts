import { spawnSync } from 'node:child_process'
import test, { type ExecutionContext } from 'ava'
import { playScene } from './helpers/fixture.js'
import type { Described } from './helpers/scene.js'

const WORKS = [7, 'value']

interface Told {
  check: {
    ok: boolean
    code?: string
    reason: string
    threads: Array<{ module?: string; busy: boolean; what: string }>
  }
  spawn: Described
  run: Described
  'still the parent': boolean
  afterwards?: unknown
}

/** Asserts that each door is shut with `code` and words, and that the parent was left as it was. */
function refused(t: ExecutionContext, told: Record<string, unknown>, code: string, words: RegExp): Told {
  const { check, spawn, run, 'still the parent': parent } = told as unknown as Told
  for (const failure of [spawn, run]) {
    t.is(failure.code, code, failure.message)
    t.is(failure.name, 'QcloneError')
    t.regex(failure.message, words)
  }
  t.like(check, { ok: false, code })
  t.regex(check.reason, words)
  t.true(parent)
  return told as unknown as Told
}

const byAWorker = test.macro({
  title: (_, scene: string) => `${scene} refuses, by name, and no longer when it has ended`,
  async exec(t, scene: string) {
    const told = refused(
      t,
      await playScene(t, 'refusals', scene),
      'ERR_QCLONE_THREADS',
      /Worker.*End these threads.*loader.*registerHooks/s,
    )
    for (const { threads } of [told.check, told.spawn, told.run] as Array<{
      threads: Told['check']['threads']
    }>) {
      // Beside it, one of V8's may be at work.
      const workers = threads.filter(({ busy }) => !busy)
      t.is(workers.length, 1)
      t.regex(workers[0]?.module ?? '', /node$/)
      t.regex(workers[0]?.what ?? '', /Worker/)
    }
    t.deepEqual(told.afterwards, WORKS)
  },
})

test(byAWorker, 'a Worker')
test(byAWorker, 'a Worker after clones')

test('a Worker at work that was seen at rest before is known for what it is', async (t) => {
  const { check, afterwards } = await playScene(t, 'refusals', 'a Worker at work')
  t.like(check, { ok: false, code: 'ERR_QCLONE_THREADS', transient: false })
  t.regex((check as Told['check']).reason, /Worker/)
  t.deepEqual(afterwards, WORKS)
})

test('a loader registered with module.register refuses, for as long as the process lives', async (t) => {
  // From Node 26 on, `register` warns that it is deprecated.
  const told = await playScene(t, 'refusals', 'a loader', { noisy: true })
  refused(t, told, 'ERR_QCLONE_THREADS', /module\.register\(\)/)
})

test("an addon's own threads refuse, by the addon's file, and no longer when they have ended", async (t) => {
  const told = await playScene(t, 'refusals', 'an addon with threads')
  const { check, afterwards } = refused(
    t,
    told,
    'ERR_QCLONE_THREADS',
    /watcher\.node.*an addon or a library/s,
  )
  t.deepEqual(told.before, { ok: true })
  t.true(check.threads.some(({ module }) => /parcel.*watcher\.node$/.test(module ?? '')))
  t.deepEqual(afterwards, WORKS)
})

test('an addon without threads works in a clone', async (t) => {
  t.deepEqual(await playScene(t, 'refusals', 'an addon without threads'), {
    native: true,
    answers: ['udyu', 'udyu'],
  })
})

test('what prepares for cloning tells when it cannot read /proc, and can be called again', async (t) => {
  const { prepare, ...told } = await playScene(t, 'refusals', 'prepared with no /proc')
  t.is((prepare as { kind: string }).kind, 'proc')
  t.regex((prepare as { message: string }).message, /cannot read \/nonexistent/)
  t.deepEqual(told, { before: 'value', 'prepare again': null, afterwards: WORKS })
})

test('in a mount namespace where /proc is hidden nothing is cloned until it is back', async (t) => {
  const hide = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh']
  const [program = '', ...args] = [...hide, 'true']
  const trial = spawnSync(program, args, { encoding: 'utf8' })
  if (trial.status !== 0) {
    t.log(`skipped: this user may not hide /proc: ${trial.stderr?.trim() || trial.error?.message}`)
    t.pass()
    return
  }
  const told = await playScene(t, 'refusals', 'no /proc', { wrapper: hide, args: ['umount', '/proc'] })
  refused(t, told, 'ERR_QCLONE_PROC', /cannot read \/proc/)
  t.deepEqual(told.afterwards, WORKS)
})

test('inside a Worker nothing is cloned; its parent can, once it has ended', async (t) => {
  const { 'a clone whose loop runs empty': status, ...told } = await playScene(
    t,
    'refusals',
    'inside a Worker',
  )
  t.is(status, 13)
  refused(t, { ...told, 'still the parent': true }, 'ERR_QCLONE_UNSUPPORTED', /main thread/)
  t.deepEqual(told.afterwards, WORKS)
})

test('a node whose inspector listens is not cloned, since that has a thread', async (t) => {
  const told = await playScene(t, 'refusals', 'an inspector', { nodeArgs: ['--inspect=0'], noisy: true })
  refused(t, told, 'ERR_QCLONE_THREADS', /the inspector/)
})
