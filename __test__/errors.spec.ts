import test from 'ava'
import { isQcloneError, ProtocolError, QcloneError } from 'node-qclone'
import { playScene } from './helpers/fixture.js'

test('errors of built-in classes arrive as of their class', async (t) => {
  const told = await playScene(t, 'errors', 'built-in classes')
  t.is(Object.keys(told).length, 7)
  for (const [name, messages] of Object.entries(told)) t.deepEqual(messages, [`a ${name}`, `a ${name}`])
})

test('an error of another class keeps name, message, stack, own properties and causes', async (t) => {
  const { stack, keys, ...told } = await playScene(t, 'errors', 'own class')
  t.deepEqual(told, {
    'is an error': true,
    name: 'ValidationError',
    message: 'age is not valid',
    text: 'ValidationError: age is not valid',
    field: 'age',
    limits: { low: 1, high: 9 },
    'what cannot travel is left out': false,
    cause: { type: true, message: 'root', cause: { code: 42 } },
  })
  t.regex(stack as string, /^Error: age is not valid|^ValidationError: age is not valid/)
  t.regex(stack as string, /at .*errors\.js:\d+:\d+/)
  t.false((keys as string[]).includes('stack'))
})

test('an error of the system keeps its code, call and path', async (t) => {
  const error = { code: 'ENOENT', syscall: 'open', path: '/nonexistent/file', errno: -2 }
  t.deepEqual(await playScene(t, 'errors', 'of the system'), { sync: error, async: error })
})

test('an AggregateError keeps its errors', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'several in one'), {
    class: true,
    name: 'AggregateError',
    message: 'All promises were rejected',
    errors: ['TypeError: one', '2'],
  })
})

test('what is thrown and is no error arrives as it is', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'no error'), {
    text: 'just text',
    number: 42,
    null: null,
    nothing: true,
    object: { reason: ['a', 'b'] },
    symbol: [true, true],
  })
})

test('causes that go round in a ring end somewhere', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'a ring of causes'), { message: 'first', cause: 'second' })
})

test('errors that lead to each other arrive, each once', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'a mesh of errors'), {
    'several in a ring': [30, true],
    'each with each': [true, true],
    'an object of each': true,
  })
})

test('a chain of causes of any length arrives', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'a long chain'), {
    '20': [20, 'innermost'],
    '5000': [5000, 'innermost'],
  })
})

test('a list of errors is one of any error', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'a list of errors'), { list: [true, 'one', 'E_ONE', 2] })
})

test('errors of WebAssembly and of explicit resource management keep their class', async (t) => {
  const told = await playScene(t, 'errors', 'rarer classes')
  for (const name of ['CompileError', 'LinkError', 'RuntimeError']) t.deepEqual(told[name], [true, 'x'])
  t.deepEqual(told.own, [false, 'RuntimeError'])
  if ('SuppressedError' in globalThis) t.deepEqual(told.SuppressedError, [true, 'x', 'TypeError: a', 'b'])
})

const UNSERIALIZABLE = 'ERR_QCLONE_UNSERIALIZABLE'

test('an error that is too large arrives without its large parts', async (t) => {
  const { least, ...told } = await playScene(t, 'errors', 'too large')
  t.deepEqual(told, {
    property: [true, 'x', 'E', [UNSERIALIZABLE, 'thrown.text'], 1],
    message: [true, true, 'E'],
    'no error': [UNSERIALIZABLE, 'thrown'],
    many: ['all', '0', true],
    answer: [UNSERIALIZABLE, 'value'],
  })
  t.is(least, 'TypeError: z')
})

test('an error with a property that cannot be read keeps the others', async (t) => {
  const other = '(a message that is not a string)'
  t.deepEqual(await playScene(t, 'errors', 'odd properties'), {
    'a symbol': ['Symbol(odd)', 'kept', 'E', null],
    'a name that throws': ['Error', 'kept', 'E', null],
    'no string': ['TypeError', other, 'E', null],
    'a message that throws': ['TypeError', other, 'E', null],
    'a stack that throws': ['TypeError', 'kept', 'E', null],
    'a cause that throws': ['TypeError', 'kept', 'E', [UNSERIALIZABLE, 'thrown.cause']],
    'a proxy that throws': ['TypeError', 'kept', 'E', [UNSERIALIZABLE, 'thrown.extra']],
    'a property that throws': ['TypeError', 'kept', 'E', [UNSERIALIZABLE, 'thrown.extra']],
  })
})

const uncaught = test.macro({
  title: (_, scene: string) => `the clone rejects with its error: ${scene}`,
  async exec(t, scene: string, text: string) {
    t.deepEqual(await playScene(t, 'errors', scene), { error: [true, text] })
  },
})

test(uncaught, 'uncaught in a timer', 'RangeError: in a timer')
test(uncaught, 'an unhandled rejection', 'RangeError: unhandled')
test(uncaught, 'captured by the parent', 'RangeError: in an immediate')

test("the clone's own listener of uncaught errors comes first, its parent's not at all", async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'caught by the clone'), { value: 'to be caught' })
})

test('errors of this library travel as such', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'of this library'), {
    unserializable: [true, 'QcloneError', 'ERR_QCLONE_UNSERIALIZABLE'],
    died: [true, 'QcloneError', 'ERR_QCLONE_DIED', 7],
  })
})

test('an aborted task and one that is late have the names that others look for', async (t) => {
  const aborted = ['AbortError', 'ERR_QCLONE_ABORTED', true, 'changed my mind']
  const late = ['TimeoutError', 'ERR_QCLONE_TIMEOUT', true, null]
  t.deepEqual(await playScene(t, 'errors', 'names that others look for'), {
    'aborted here': aborted,
    'aborted, its very reason': true,
    'aborted of a clone': aborted,
    'late here': late,
    'late, its very reason': false,
    'late of a clone': late,
  })
})

test('the brand of an error is that of its class alone', (t) => {
  class Own extends QcloneError {}
  const [error, own] = [new QcloneError('ERR_QCLONE_DIED', 'a'), new Own('ERR_QCLONE_DIED', 'b')]
  t.deepEqual([error instanceof Own, own instanceof Own, own instanceof QcloneError], [false, true, true])
  t.true(isQcloneError(own))
  for (const other of [
    new Error('c'),
    new ProtocolError('d'),
    { code: 'ERR_QCLONE_DIED' },
    null,
    undefined,
    'e',
  ]) {
    t.false(isQcloneError(other))
    t.false((other as object) instanceof QcloneError)
  }
  t.deepEqual(Object.getOwnPropertySymbols(error), [])
})

test('an error in an exit listener of the clone comes too late to change its answer', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'a late error', { noisy: true }), { value: 'answered' })
})

test('a parent can be cloned while it is in a domain', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'in a domain'), { run: 'value', spawn: 7 })
})

test(uncaught, 'uncaught beside node:domain', 'RangeError: in a timer')

test('a clone that cannot be set up ends with 1', async (t) => {
  t.deepEqual(await playScene(t, 'errors', 'a clone that cannot be set up', { noisy: true }), { status: 1 })
})
