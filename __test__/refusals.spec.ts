import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { playScene, runFixture } from './helpers/fixture.js'
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

/** Asserts that every function refuses with `code` and words, and that the parent is unchanged. */
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
      // One of V8's threads may also be busy.
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
  // From Node 26 on, `register` prints a deprecation warning.
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

const HIDE_PROC = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh']

/** Whether this user may hide /proc. Otherwise the test passes without checking anything. */
function mayHideProc(t: ExecutionContext): boolean {
  const [program = '', ...args] = [...HIDE_PROC, 'true']
  const trial = spawnSync(program, args, { encoding: 'utf8' })
  if (trial.status === 0) return true
  t.log(`skipped: this user may not hide /proc: ${trial.stderr?.trim() || trial.error?.message}`)
  t.pass()
  return false
}

test('a process that has cloned tells when it can no longer read /proc, and clones once it can', async (t) => {
  if (!mayHideProc(t)) return
  const wrapper = ['unshare', '-m']
  const told = await playScene(t, 'refusals', 'no /proc after clones', { wrapper })
  refused(t, told, 'ERR_QCLONE_PROC_UNREADABLE', /cannot read \/proc/)
  t.is(told.before, 'value')
  t.deepEqual(told.afterwards, WORKS)
})

test('in a mount namespace where /proc is hidden nothing is cloned until it is back', async (t) => {
  if (!mayHideProc(t)) return
  const told = await playScene(t, 'refusals', 'no /proc', { wrapper: HIDE_PROC, args: ['umount', '/proc'] })
  refused(t, told, 'ERR_QCLONE_PROC_UNREADABLE', /cannot read \/proc/)
  t.deepEqual(told.afterwards, WORKS)
})

/**
Runs a command for which pidfd_open(2) fails with EPERM; see seccomp(2). Its number is the same on x64 and arm64.
*/
const FORBID_PIDFD_OPEN = `
import ctypes, os, struct, sys
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, 434), (6, 0, 0, 0x50000 | 1), (6, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *rule) for rule in rules))
program = ctypes.create_string_buffer(struct.pack('HxxxxxxP', len(rules), ctypes.addressof(code)))
prctl = ctypes.CDLL(None).prctl
assert prctl(38, 1, 0, 0, 0) == 0 and prctl(22, 2, program) == 0
os.execvp(sys.argv[1], sys.argv[1:])
`

test('in a sandbox without pidfd_open(2) check, run and spawn give the same reason', async (t) => {
  const wrapper = ['python3', '-c', FORBID_PIDFD_OPEN]
  const [program = '', ...args] = [...wrapper, 'true']
  if (spawnSync(program, args).status !== 0) {
    t.log('skipped: there is no python3, or no seccomp(2)')
    t.pass()
    return
  }
  const told = await playScene(t, 'refusals', 'refusals alone', { wrapper })
  refused(t, told, 'ERR_QCLONE_FORK', /pidfd_open\(2\)/)
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

const byAProfiler = test.macro({
  title: (_, arg: string) => `a node started with ${arg} refuses at once, by its profiler`,
  async exec(t, arg: string) {
    const folder = mkdtempSync(join(tmpdir(), 'qclone-'))
    // Waiting for the profiler would take 30 s.
    const told = await playScene(t, 'refusals', 'a profiler from the command line', {
      nodeArgs: [arg, arg === '--prof' ? `--logfile=${folder}/log` : `--cpu-prof-dir=${folder}`],
      deadlineMs: 20_000,
    })
    rmSync(folder, { recursive: true })
    const { check } = refused(t, told, 'ERR_QCLONE_THREADS', new RegExp(`profiler.*${arg}`, 's'))
    t.false((check as { transient?: boolean }).transient)
  },
})

test(byAProfiler, '--cpu-prof')
test(byAProfiler, '--prof')

test("the inspector's profiler refuses at once, by what it is, and no longer when it is stopped", async (t) => {
  const { 'at once': atOnce, ...told } = await playScene(t, 'refusals', 'the profiler of the inspector')
  t.true(atOnce)
  refused(t, told, 'ERR_QCLONE_THREADS', /V8's CPU profiler.*stop it/s)
  t.deepEqual(told.afterwards, WORKS)
})

const withinVm = test.macro({
  title: (_, options: object) => `within a call of vm with ${JSON.stringify(options)} nothing is cloned`,
  async exec(t, options: object, words: RegExp) {
    const args = [JSON.stringify(options)]
    const { check, spawn, afterwards } = await playScene(t, 'refusals', 'within a call of vm', { args })
    t.like(check, { ok: false, code: 'ERR_QCLONE_THREADS', transient: false })
    t.regex((check as Told['check']).reason, words)
    t.is((spawn as Described).code, 'ERR_QCLONE_THREADS')
    t.deepEqual(afterwards, WORKS)
  },
})

test(withinVm, { breakOnSigint: true }, /SigintWatchdog.*breakOnSigint/)
test(withinVm, { timeout: 30_000 }, /Watchdog.*timeout|its own event loop/)

test("an addon's threads that are vouched for do not refuse while they wait", async (t) => {
  const told = await playScene(t, 'refusals', 'an addon that is vouched for')
  const {
    'not vouched for': before,
    'in the clone': late,
    'without it': plain,
    'at work': busy,
    ...rest
  } = told
  t.like(busy, { ok: false, code: 'ERR_QCLONE_THREADS', transient: true })
  t.like(before, { ok: false, transient: false })
  t.like(late, { code: 'ERR_QCLONE_TIMEOUT' })
  t.regex(
    (late as Described).message,
    /threads of watcher\.node, which `vouchFor` accepts but a clone does not have/,
  )
  t.like(plain, { code: 'ERR_QCLONE_TIMEOUT' })
  t.notRegex((plain as Described).message, /vouchFor/)
  t.deepEqual(rest, {
    'as ': false,
    'as watch': false,
    'as parcel': false,
    'as libwatcher': false,
    'as node': false,
    spawn: 7,
    run: Array.from({ length: 20 }, (_, i) => i),
  })
})

const thrown = test.macro({
  title: (_, name: string) => `a throw of the native ${name} is an error with a code`,
  async exec(t, name: string, doors: readonly string[]) {
    const args = [name]
    const { before, afterwards, ...told } = await playScene(t, 'refusals', 'a native part that throws', {
      args,
    })
    t.is(before, 'value')
    for (const door of ['run', 'spawn'].filter((door) => doors.includes(door))) {
      t.like(told[door], { name: 'QcloneError', code: 'ERR_QCLONE_UNSUPPORTED' })
      t.regex((told[door] as Described).message, /simulated/)
    }
    if (doors.includes('check'))
      t.like(told.check, { ok: false, code: 'ERR_QCLONE_UNSUPPORTED', transient: false })
    t.deepEqual(afterwards, WORKS)
  },
})

test(thrown, 'fork', ['run', 'spawn'])
test(thrown, 'headroom', ['run', 'spawn', 'check'])
test(thrown, 'preflight', ['check'])
test(thrown, 'openPipe', ['run'])

test('a clone whose end cannot be watched is ended and reaped', async (t) => {
  const { run, spawn, ...told } = await playScene(t, 'refusals', 'a clone that cannot be watched')
  for (const failure of [run, spawn] as Described[]) {
    t.is(failure.code, 'ERR_QCLONE_FORK')
    t.regex(failure.message, /cannot be watched \(simulated\)/)
  }
  t.deepEqual(told, { before: 'value', children: [], afterwards: WORKS })
})

test('a clone of which nothing can be heard is ended, and its task fails', async (t) => {
  const { run, ...told } = await playScene(t, 'refusals', 'a clone that nothing can be heard of')
  t.like(run, { name: 'QcloneError', code: 'ERR_QCLONE_UNSUPPORTED' })
  t.regex((run as Described).message, /simulated/)
  t.deepEqual(told, { before: 'value', children: [], afterwards: WORKS })
})

test('a task whose clone cannot be sent a signal fails all the same', async (t) => {
  const { timeout, abort, late, kill, stop, ...told } = await playScene(
    t,
    'refusals',
    'a clone that cannot be signalled',
  )
  t.like(timeout, { code: 'ERR_QCLONE_TIMEOUT' })
  t.like(abort, { code: 'ERR_QCLONE_ABORTED' })
  t.like(late, { code: 'ERR_QCLONE_TIMEOUT' })
  for (const failure of [timeout, abort, late] as Described[])
    t.regex(failure.message, /it could not be terminated.*simulated/)
  for (const failure of [kill, stop]) t.like(failure, { name: 'QcloneError', code: 'ERR_QCLONE_FORK' })
  t.deepEqual(told, { children: [], afterwards: WORKS })
})

test('where the end of a clone for want of memory ends its parent too, that is told once', async (t) => {
  const { told, stderr, code } = await runFixture('refusals', 'a fate that is shared')
  t.is(code, 0)
  t.like(told, { looks: 1 })
  t.is(stderr.split('QCLONE_SHARED_FATE').length - 1, 1)
  t.regex(stderr, /memory\.oom\.group is 1 in \/sys\/fs\/cgroup\/pod/)
})

const unloadable = test.macro({
  title: (_, what: string) => `a native part that is ${what} says so`,
  async exec(t, what: string, words: RegExp) {
    const folder = mkdtempSync(join(tmpdir(), 'qclone-'))
    for (const name of ['dist', 'binding.cjs', 'package.json'])
      cpSync(name, join(folder, name), { recursive: true })
    if (what === 'broken') writeFileSync(join(folder, BINARY), 'no program')
    const script = `import(process.argv[1]).then(async ({ check, run }) => {
      const error = await run(() => 0).catch((error) => error)
      console.log(JSON.stringify([check().reason, error.message, error.cause instanceof Error]))
    })`
    const entry = join(folder, 'dist', 'index.js')
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, entry], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    t.is(stderr, '')
    const [reason, message, hasCause] = JSON.parse(stdout) as [string, string, boolean]
    t.regex(reason, words)
    t.is(message, `run: ${reason}`)
    t.true(hasCause)
  },
})

const BINARY = readdirSync('.').find((name) => name.endsWith('.node')) as string

test(unloadable, 'broken', /could not be loaded \(.*\.node: file too short\)/)
test(unloadable, 'missing', /is missing: install/)
