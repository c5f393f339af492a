import test from 'ava'
import { cloned, resident, run, spawn, stream } from 'node-qclone'
import { playScene } from './helpers/fixture.js'

test('what is aborted before it begins makes no clone', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'aborted before'), {
    run: ['ERR_QCLONE_ABORTED', 'no more'],
    spawn: ['ERR_QCLONE_ABORTED', 'no more'],
    made: 0,
  })
  t.deepEqual(await playScene(t, 'options', 'aborted in the same turn'), {
    run: ['ERR_QCLONE_ABORTED', 'changed my mind'],
    made: 0,
    afterwards: ['works', 1],
  })
})

test('a clone that is not ready yet ends when its task is aborted, and is not made again', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'aborted before it is ready'), {
    run: ['ERR_QCLONE_ABORTED', 'SIGTERM'],
    made: 1,
  })
})

test('a clone at work ends when its task is aborted', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'aborted at work'), {
    run: ['ERR_QCLONE_ABORTED', 'SIGTERM'],
    'listeners left': [],
  })
})

test('a task that is aborted while it answers is aborted', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'aborted while it answers'), {
    run: 'ERR_QCLONE_ABORTED',
    afterwards: 'works',
  })
})

test('a clone is ended at its deadline', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'a deadline'), {
    run: ['ERR_QCLONE_TIMEOUT', 'SIGTERM'],
    spawn: 'SIGTERM',
    'in time': 'value',
    'another signal': ['ERR_QCLONE_TIMEOUT', 'SIGUSR2'],
  })
})

test('a task that is begun again has its deadline', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'a deadline of a task that is begun again'), {
    run: ['ERR_QCLONE_TIMEOUT', 'SIGTERM'],
    clones: 2,
  })
})

test('what a clone did before its deadline counts, though its parent looks later', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'a parent that stands still past a deadline'), {
    run: 'value',
    asynchronous: 'value',
    stream: [1, 2],
  })
})

test('one signal serves many calls, without a warning', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'one signal for many calls'), {
    values: Array.from({ length: 12 }, (_, i) => i),
    'listeners left': 0,
    aborted: ['ERR_QCLONE_ABORTED'],
    warnings: [],
  })
})

test('a clone that ignores the signal is killed', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'a clone that ignores the signal'), {
    run: ['ERR_QCLONE_ABORTED', 'SIGKILL'],
  })
})

test('a clone that has stopped is ended too', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'a clone that has stopped'), {
    run: ['ERR_QCLONE_TIMEOUT', 'SIGTERM'],
  })
})

test('a clone comes after its parent, for processor time and for memory', async (t) => {
  const told = await playScene(t, 'options', 'the rank')
  const { niceness, policy } = told['of the parent'] as { niceness: number; policy: number }
  const nice = Math.min(niceness + 15, 19)
  t.deepEqual(told, {
    'of the parent': told['of the parent'],
    'by default': { niceness: nice, policy, oom: 1000 },
    'of spawn': nice,
    '17': { niceness: 17, policy, oom: 1000 },
    'as the parent': { niceness, policy, oom: 1000 },
    // SCHED_IDLE.
    idle: { niceness, policy: 5, oom: 1000 },
    'before user code': Math.min(nice + 15, 19),
  })
})

// That it does otherwise shows where nothing else runs: in the tests of the core, and `npm run bench -- parent`.
test('a clone that computes does not give way to a parent that rests, or when a priority is given', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'giving way'), {
    // SCHED_OTHER.
    'its parent is at work, and a priority is given': 0,
    'its parent waits for it, and others compute': [0, 0],
  })
})

test('a clone runs on the processors that it is given', async (t) => {
  const told = await playScene(t, 'options', 'the affinity', { noisy: true })
  t.is(told['in the clone'], told.first)
  t.deepEqual(told['one that is not there'], ['ERR_QCLONE_START_FAILED', 125])
})

test('limits bound a clone, and no answer', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'limits'), {
    'in force': [0, 1 << 20, 100, 2 ** 40],
    'a large answer': 7,
    'a large file': 'EFBIG: file too large, write',
    'processor time': ['ERR_QCLONE_DIED', 'SIGXCPU'],
  })
})

test('standard streams of a clone can be pipes of its parent', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'standard streams'), {
    run: ['out: hello\n', 'err: hello\n', 5],
    spawn: (1 << 20) + 1,
    'not asked for': [null, null, null],
    ignored: 'value',
    'written to nobody': 'does not read',
  })
})

test('a clone that writes a gigabyte does not burden its parent', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'a gigabyte to standard output'), {
    value: 'done',
    bytes: 2 ** 30,
    unread: ['ERR_QCLONE_TIMEOUT', 'SIGTERM'],
    parent: true,
  })
})

test('a clone has a name and a title', async (t) => {
  t.deepEqual(await playScene(t, 'options', 'names and titles'), {
    names: ['ofFunction', 'by option'],
    title: true,
    'of cloned': 'a title',
  })
})

test('a task reports its progress', async (t) => {
  const told = await playScene(t, 'options', 'progress')
  const bytes = { '0': 0, '1': 0 }
  t.like(told['what cannot travel'], { code: 'ERR_QCLONE_UNSERIALIZABLE' })
  delete told['what cannot travel']
  t.deepEqual(told, {
    value: 'value',
    seen: [0, 1, 2].map((i) => ({ i, bytes })),
    'without a listener': 'value',
    'and nobody listens': true,
    'in the parent': 'value',
    thrown: true,
  })
})

// It cannot tell its answer and ends with status 1, unless V8 posts a task meanwhile: then libuv aborts, as its
// loop has lost the eventfd that wakes it (uv__async_send, libuv: src/unix/async.c).
test('a clone that closes what it has fails in order', async (t) => {
  const { run: failure, ...others } = await playScene(t, 'options', 'closes everything', { noisy: true })
  const [code, end] = failure as [string, number | string]
  t.is(code, 'ERR_QCLONE_DIED')
  t.true(end === 1 || end === 'SIGABRT', String(end))
  t.deepEqual(others, { 'closes 1': 'value', afterwards: true })
})

const refused = test.macro({
  title: (_, options: object) => `refused at once: ${JSON.stringify(options)}`,
  exec(t, options: object, instanceOf: ErrorConstructor, message: RegExp) {
    for (const door of [run, spawn, stream, resident]) {
      t.throws(() => door.with(options), { instanceOf, message })
    }
    t.throws(() => cloned(() => {}, options), { instanceOf, message })
  },
})

test(refused, { signal: 'SIGTERM' }, TypeError, /`signal` to be an AbortSignal, got `'SIGTERM'` \(string\)/)
test(refused, { timeout: '1s' }, TypeError, /`timeout` to be a number/)
test(refused, { timeout: -1 }, RangeError, /`timeout` to be a finite number of at least 0/)
test(refused, { timeout: 2 ** 31 }, RangeError, /`timeout` to be at most 2147483647/)
test(refused, { killSignal: 'SIGNOPE' }, TypeError, /`killSignal` to be the name of a signal/)
test(refused, { killSignal: 15 }, TypeError, /`killSignal` to be the name of a signal/)
test(refused, { forceKillAfterDelay: null }, TypeError, /`forceKillAfterDelay` to be a number/)
test(refused, { priority: 20 }, RangeError, /`priority` to be at most 19/)
test(refused, { priority: -21 }, RangeError, /`priority`/)
test(refused, { priority: 'low' }, TypeError, /`priority` to be a number/)
test(refused, { affinity: [] }, RangeError, /`affinity` to list at least one CPU/)
test(refused, { affinity: [0.5] }, RangeError, /`affinity\[0\]` to be an integer/)
test(refused, { affinity: 1 }, TypeError, /`affinity` to be an array/)
test(refused, { limits: { memory: 5 } }, TypeError, /got `memory`/)
test(refused, { limits: { cpuSeconds: 0 } }, RangeError, /`limits\.cpuSeconds`/)
test(refused, { limits: 5 }, TypeError, /`limits` to be an object/)
test(refused, { stdout: 'pipes' }, TypeError, /`stdout` to be `ignore` or `inherit` or `pipe`/)
test(refused, { name: 5 }, TypeError, /`name` to be a string/)
test(refused, { onprogress: () => {} }, TypeError, /got `onprogress`/)
test('onProgress is a function, and of run alone', (t) => {
  t.throws(() => run.with({ onProgress: 5 as never }), {
    instanceOf: TypeError,
    message: /`onProgress` to be a function/,
  })
  for (const door of [spawn, stream, resident]) {
    t.throws(() => door.with({ onProgress: () => {} } as never), {
      instanceOf: TypeError,
      message: /got `onProgress`/,
    })
  }
})
