import { createServer } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import { createServer as createNet, type Server } from 'node:net'
import test from 'ava'
import { cloneQueries, cloneReaders, cloneRequests, cloneSessions, type ReaderOptions } from 'node-qclone'
import { ndjson } from 'node-qclone/ndjson'
import { playScene } from './helpers/fixture.js'

type Message = { instanceOf: ErrorConstructor; message: RegExp }

/** Nothing has been put in front of the server. */
const isUntouched = (server: Server) => !Object.hasOwn(server, 'emit')

const refused = test.macro({
  title: (given, options: object) => `refused at once: ${given ?? JSON.stringify(options)}`,
  exec(t, options: object, instanceOf: ErrorConstructor, message: RegExp, server: Server = createServer()) {
    t.throws(() => cloneReaders(server, options as ReaderOptions), { instanceOf, message } as Message)
    t.true(isUntouched(server))
  },
})

test(refused, { readers: 0 }, RangeError, /`readers` to be a finite number of at least 1/)
test(refused, { readers: 1.5 }, RangeError, /`readers` to be an integer/)
test(refused, { readers: '2' }, TypeError, /`readers` to be a number/)
test('endless readers', refused, { readers: Infinity }, RangeError, /`readers`/)
test(refused, { maxAge: 9 }, RangeError, /`maxAge` to be a finite number of at least 10/)
test(refused, { maxAge: 2 ** 31 }, RangeError, /`maxAge` to be at most 2147483647/)
test(refused, { maxAge: '1s' }, TypeError, /`maxAge` to be a number/)
test('a maxAge of NaN', refused, { maxAge: Number.NaN }, RangeError, /`maxAge`/)
test(refused, { version: 5 }, TypeError, /`version` to be a function/)
test(refused, { before: 'now' }, TypeError, /`before` to be a function/)
test(refused, { filter: true }, TypeError, /`filter` to be a function/)
test(refused, { perConnection: 1 }, TypeError, /`perConnection` to be a boolean/)
test(refused, { perConnection: true, readers: 2 }, TypeError, /no `readers` with `perConnection`/)
test(refused, { readOnly: 1 }, TypeError, /`readOnly` to be a boolean/)
test(refused, { readYourWrites: 'yes' }, TypeError, /`readYourWrites` to be a boolean/)
test(refused, { drainTimeout: -1 }, RangeError, /`drainTimeout`/)
test('an endless drainTimeout', refused, { drainTimeout: Infinity }, RangeError, /`drainTimeout`/)
test(refused, { requestTimeout: 0 }, RangeError, /`requestTimeout` to be a finite number of at least 1/)
test(refused, { requestTimeout: null }, TypeError, /`requestTimeout` to be a number/)
test(refused, { maxRequests: 0 }, RangeError, /`maxRequests`/)
test(refused, { maxRequests: 1.5 }, RangeError, /`maxRequests` to be an integer/)
test(refused, { maxMemory: 0 }, RangeError, /`maxMemory`/)
test(refused, { maxMemory: '1g' }, TypeError, /`maxMemory` to be a number/)
test(refused, { name: 5 }, TypeError, /`name` to be a string/)
test(refused, { title: 5 }, TypeError, /`title` to be a string/)
test(refused, { priority: 20 }, RangeError, /`priority` to be at most 19/)
test(refused, { affinity: [] }, RangeError, /`affinity` to list at least one CPU/)
test(refused, { limits: { memory: 5 } }, TypeError, /got `memory`/)
test(refused, { ignoreSignals: 1 }, TypeError, /`ignoreSignals` to be a boolean/)
test(refused, { timeout: 5 }, TypeError, /got `timeout`/)
test(refused, { maxage: 50 }, TypeError, /got `maxage`/)
test('null', refused, null as never, TypeError, /the options to be an object/)
test('an array', refused, [], TypeError, /the options to be an object, got `\[\]`/)
test('updates of HTTP', refused, { onUpdate: () => {} }, TypeError, /no `onUpdate` with an HTTP server/)
test(refused, { handshakeTimeout: 5 }, TypeError, /no `handshakeTimeout`.*: set `server.headersTimeout`/)

const speaking = { codec: ndjson(), evaluate: () => 0 }
test('no codec', refused, {}, TypeError, /Expected `codec` and `evaluate`, or an HTTP server/, createNet())
test('a codec with HTTP', refused, speaking, TypeError, /no `codec` with an HTTP server/)
test('a codec alone', refused, { codec: ndjson() }, TypeError, /to be given together/, createNet())
test('evaluate alone', refused, { evaluate: () => 0 }, TypeError, /to be given together/, createNet())
test(
  'a codec that is none',
  refused,
  { ...speaking, codec: 5 },
  TypeError,
  /`codec` to be a codec/,
  createNet(),
)
test(
  'a codec that cannot be opened',
  refused,
  { ...speaking, codec: { open: 5 } },
  TypeError,
  /`codec` to be a codec/,
  createNet(),
)
test(
  'a filter of a codec',
  refused,
  { ...speaking, filter: () => true },
  TypeError,
  /no `filter` with a `codec`/,
  createNet(),
)
test('HTTP/2', refused, {}, TypeError, /not to be an HTTP\/2 server/, createHttp2())
test('a function', refused, {}, TypeError, /`server` to be a server/, (() => {}) as never)

const excluded = test.macro({
  title: (name) => `a server of ${name} has no readers`,
  exec(t, server: Server, clone: () => () => void, options: ReaderOptions = {}) {
    const undo = clone()
    t.throws(() => cloneReaders(server, options), {
      instanceOf: TypeError,
      message: /a server can have only one kind of clone/,
    })
    undo()
    t.true(isUntouched(server))
  },
})

const http = createServer()
test('cloneRequests', excluded, http, () => cloneRequests(http))
const net = createNet()
test('cloneQueries', excluded, net, () => cloneQueries(net, speaking), speaking)
const other = createNet()
test('cloneSessions', excluded, other, () => cloneSessions(other), speaking)

test('a server with readers has no other clones, until it is given back', async (t) => {
  const told = await playScene(t, 'readers', 'one kind of clones')
  t.regex(told['requests too'] as string, /not to be passed to `cloneReaders` too/)
  t.regex(told.twice as string, /to be passed to `cloneReaders` once: call/)
  t.deepEqual([told.tracked, told.again], [true, [true, 1]])
})

test('readers can be made before their server listens, and are counted', async (t) => {
  t.deepEqual(await playScene(t, 'readers', 'before it listens'), {
    'at first': [0, 0, 0],
    served: true,
    readers: [
      [1, false, 0],
      [1, false, 1],
    ],
    memory: true,
    stats: { generation: 1, swaps: 1, deferred: 0, respawns: 0, forwarded: 0, waiting: 0, lost: 0 },
    times: true,
  })
})

test('as long as the version is the same, no generation is made', async (t) => {
  const told = await playScene(t, 'readers', 'version', { noisy: true })
  t.deepEqual(told, { unchanged: 1, once: 3, refresh: 4, update: 'done', updated: 5 })
})

test('what is computed before a generation is for all its readers, and an error keeps the one before', async (t) => {
  const told = await playScene(t, 'readers', 'before', { noisy: true })
  t.deepEqual(told, {
    'what it computed': true,
    'the one before goes on': true,
    'in the parent, once each': true,
  })
})

test('an update is over when readers see it', async (t) => {
  t.deepEqual(await playScene(t, 'readers', 'updates'), {
    value: 1,
    seen: 1,
    together: 5,
    'seen together': 3,
    throws: 'RangeError',
    'none by itself': true,
    'closed meanwhile': 'the readers were closed',
  })
})

test('generations are told about by events, channels and handlers', async (t) => {
  const told = await playScene(t, 'readers', 'told about', { noisy: true })
  t.deepEqual(told, {
    'in a reader': ['in clone reader', 'in reader 1 1 true'],
    signs: ['generation 1 2 true', 'deferred 1 a deliberate error', 'generation 3 2 true'],
    events: [1, 'a deliberate error', 3],
    'in the parent': [
      ...['new reader quotes reader', 'new reader quotes reader'],
      ...['new reader quotes reader', 'new reader quotes reader'],
      ...['old reader 0', 'old reader 0', 'old reader 0', 'old reader 0'],
    ],
  })
})

test('what only the parent may do throws in a reader', async (t) => {
  const told = await playScene(t, 'readers', 'in the parent only')
  const [name, code, message, ...rest] = told['in a reader'] as unknown[]
  t.deepEqual([name, code, ...rest], ['QcloneError', 'ERR_QCLONE_READ_ONLY', 1, true, 1])
  t.regex(message as string, /`setPrice` changes data that readers serve/)
  t.deepEqual(told['in the parent'], [true, 3, false, 0, 0])
  t.is(told['no function'], 'TypeError')
})

test('a reader that is ended by a signal that it does not ignore is replaced', async (t) => {
  const told = await playScene(t, 'readers', 'a signal from elsewhere', { noisy: true })
  t.deepEqual([told['goes on'], told.left], [true, 0])
})
