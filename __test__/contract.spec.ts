import test from 'ava'
import { playScene, runFixture } from './helpers/fixture.js'

test('HTTP clients that were used before the fork connect anew in a clone', async (t) => {
  t.deepEqual(await playScene(t, 'contract', 'agents'), {
    'by the global agent': 'hello',
    'by an agent with its one connection in use': 'hello',
    'by fetch': 'hello',
    'connections of clones': true,
    'by a clone, and by a clone of it': ['hello', 'hello'],
    "the parent's own": ['hello', 'hello'],
  })
})

test("a clone that destroys its parent's socket goes on with its own work, and the parent with its writes", async (t) => {
  t.deepEqual(await playScene(t, 'contract', 'a socket of the parent destroyed'), {
    'in the clone': 'to its end',
    'bytes of the parent': true,
  })
})

test('the clocks of HTTP servers and of fetch go on in a clone', async (t) => {
  t.deepEqual(await playScene(t, 'contract', 'clocks of clients and servers'), {
    'the Date header goes on': true,
    'a limit of time is kept': 'UND_ERR_HEADERS_TIMEOUT',
  })
})

test('a signal of the console reaches the handler of the parent once, and ends the clone', async (t) => {
  t.deepEqual(await playScene(t, 'contract', 'a signal to the group'), {
    'handled in the parent': 1,
    'by a handler of the clone': 'SIGINT',
    'clone without a handler': 'SIGINT',
  })
})

test('a signal that the parent has caught, and has not been told of, keeps no clone from its end', async (t) => {
  t.deepEqual(await playScene(t, 'contract', 'a signal that the parent has caught'), {
    'clones end by themselves': [13],
    'handled in the parent': 10,
  })
})

test('a clone out of memory ends by SIGABRT, and the parent works on', async (t) => {
  const told = await playScene(t, 'contract', 'out of memory', {
    nodeArgs: ['--max-old-space-size=64'],
    noisy: true,
  })
  t.deepEqual(told, { 'by run': ['ERR_QCLONE_DIED', 'SIGABRT'], 'by spawn': 'SIGABRT', afterwards: 'works' })
})

test('an error in an exit listener of a clone is told, and changes nothing of its status', async (t) => {
  const { told, stderr } = await runFixture('contract', 'a throwing exit listener')
  t.like(told, { 'by run': 'too late', 'by spawn': 5, 'by spawn that returns': 3 })
  t.false('the clone is in the frames of its parent' in told)
  t.is(stderr.split('Error: too late').length, 3, stderr)
})

test('a clone in which a library calls exit(3) ends at once', async (t) => {
  t.deepEqual(await playScene(t, 'contract', 'exit(3) by a library'), { 'by run': true, 'by spawn': true })
})

test("a clone's own hooks of its end run, its parent's never", async (t) => {
  t.deepEqual(await playScene(t, 'contract', 'hooks of the end'), {
    'natural end': ['beforeExit 0', 'exit 0'],
    'process.exit(4)': ['exit 4'],
    'process.exitCode = 5': ['beforeExit 5', 'exit 5'],
    'beforeExit that begins something': ['beforeExit 0', 'timer', 'beforeExit 0', 'exit 0'],
    spawn: ['exit 6'],
  })
})

test('a clone dies with its parent, but for one that is detached', async (t) => {
  const { told, code } = await runFixture('contract', 'detached')
  t.is(code, 0)
  t.is(told['what is detached outlives its parent'], true)
  t.is(told['in a session of its own'], true)
  t.false('what is not detached outlives its parent' in told)
})

test('in a worker of a cluster a clone listens by itself, and cannot reach the primary', async (t) => {
  t.deepEqual(await playScene(t, 'contract', 'cluster'), {
    'from the worker': ['hello from the clone', 'undefined', 'false'],
    'messages to the primary': 1,
  })
})

test('what a clone begins itself works', async (t) => {
  const told = await playScene(t, 'contract', 'modules')
  t.deepEqual(
    Object.entries(told).filter(([, outcome]) => outcome !== 'works'),
    [],
  )
  t.true(Object.keys(told).length >= 14)
})

test('a clone of a parent that uses io_uring is as others are', async (t) => {
  const told = await playScene(t, 'contract', 'files', { env: { UV_USE_IO_URING: '1' } })
  t.deepEqual(told, { 'in the clones': 'works', 'in the parent': 'works' })
})

test('the title of a clone tells of its parent and its kind, or is what was asked for', async (t) => {
  t.deepEqual(await playScene(t, 'contract', 'titles'), {
    'by default': ['node (clone: run)', 'node (clone: spawn)'],
    'by option': ['report', 'report'],
    'of a clone of it': 'report (clone: run)',
    'in the parent': 'node',
  })
})
