import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { playScene } from './helpers/fixture.js'
import type { Described } from './helpers/scene.js'

const UNSUPPORTED = 'ERR_QCLONE_UNSUPPORTED'
const [MAJOR = 0] = process.versions.node.split('.').map(Number)

/** Facts that each clone relies on. */
const OF_EVERY_CLONE = [
  'process._exiting',
  'process.reallyExit',
  'process._fatalException',
  'process._getActiveHandles',
  'process.moduleLoadList',
  'emitter._events',
  'emitter._eventsCount',
  'readable._readableState.buffer',
  'readable._readableState.highWaterMark',
  'writable._writableState',
  'cluster.isPrimary',
  'cluster.isMaster',
  'cluster.isWorker',
  'Agent.prototype.addRequest',
  'agent.requests',
  'agent.sockets',
  'agent.freeSockets',
  'agent.totalSocketCount',
  'ResolverBase[dns:resolver:initializeHandle]',
  'resolver._handle',
  'channel.getServers',
  'channel.setServers',
  'channel.setLocalAddress',
  'state symbol',
  'socket._handle',
  'socket.server',
  'socket._parent',
  'Socket.prototype._getsockname',
  'Socket.prototype._getpeername',
  'Socket.prototype._read',
  'Socket.prototype._write',
  'Socket.prototype._writev',
  'Socket.prototype._writeGeneric',
  'Socket.prototype._destroy',
  'handle.fd',
  'handle.bytesWritten',
  'handle.reading',
  'handle.readStop',
  'handle.readStart',
  'handle.close',
  'handle.getAsyncId',
]

/** Facts that only a clone relies on whose event loop goes on: not that of `spawn`. */
const OF_EVENT_LOOPS = [
  'timerListMap',
  'timerListQueue',
  'timerListQueue.peek',
  'timerListQueue.shift',
  'timer._idleNext',
  'timer._onTimeout',
  'timer._destroyed',
  'immediateQueue',
  'immediateQueue.head',
  'immediateQueue.remove',
  'immediate._idleNext',
  'immediate._idlePrev',
  'resetCache',
  ...(MAJOR < 26 ? [] : ['exceptionHandlerState']),
]

/** Facts that only clones rely on that answer requests of HTTP. */
const OF_HTTP = [
  'response._header',
  'response._last',
  'response._closed',
  'response.finished',
  'response.assignSocket',
  'response.detachSocket',
  'request._consuming',
  'request._dump',
  'server.httpAllowHalfOpen',
  'socket.parser',
  'parser.socket',
  'socket._httpMessage',
  'socketOnClose',
  'socketOnError',
  'onServerResponseClose',
]

/** Facts that only readers rely on. */
const OF_READERS = [
  'socket._server',
  'net.Server._connections',
  'net.Server.allowHalfOpen',
  'http.server.connections',
  'parser.maxHeaderPairs',
  'response._trailer',
  'response._writeRaw',
]

function playWithout(t: ExecutionContext, fact: string, scene: string) {
  const nodeArgs = ['--import', new URL('./fixtures/broken-node.js', import.meta.url).href]
  return playScene(t, 'internals', scene, { nodeArgs, env: { BROKEN_FACT: fact }, noisy: scene === HTTP })
}

/** Scene that prints a warning. */
const HTTP = 'doors of HTTP'

/** Asserts that an error, or a report, names a fact and this Node. */
function assertNames(t: ExecutionContext, text: unknown, fact: string): void {
  t.true(String(text).includes(fact), `${text}`)
  t.true(String(text).includes(process.version), `${text}`)
}

const refused = test.macro({
  title: (_, fact: string) => `without ${fact} check and run refuse, and name it`,
  async exec(t, fact: string, scene: string, spawns: boolean) {
    const { check, run, spawn, failed } = await playWithout(t, fact, scene)
    const { reason, ...report } = check as { reason: string }
    t.deepEqual(report as object, { ok: false, code: UNSUPPORTED, threads: [], transient: false })
    assertNames(t, reason, fact)
    t.like(run, { name: 'QcloneError', code: UNSUPPORTED, message: `run: ${reason}` })
    if (spawns) t.is((spawn as Described).message, '0')
    else t.like(spawn, { name: 'QcloneError', code: UNSUPPORTED, message: `spawn: ${reason}` })
    t.deepEqual(failed, [`run: ${UNSUPPORTED}`, ...(spawns ? [] : [`spawn: ${UNSUPPORTED}`])])
  },
})

for (const fact of OF_EVERY_CLONE) test(refused, fact, 'doors', false)
for (const fact of OF_EVENT_LOOPS) test(refused, fact, 'doors', true)
test(refused, 'Agent[clients]', 'doors after fetch', false)
test(refused, 'ClientHttp2Session', 'doors after http2', true)

test('without FlushTasks check and run refuse, and name its class', async (t) => {
  const { check, run, failed } = await withChangedSymbol(
    '_ZN4node22PerIsolatePlatformData10FlushTasksEP10uv_async_s',
    (env) => playScene(t, 'internals', 'doors', { env }),
  )
  const { reason, ...report } = check as { reason: string }
  t.deepEqual(report as object, { ok: false, code: UNSUPPORTED, threads: [], transient: false })
  t.true(reason.includes('PerIsolatePlatformData'), reason)
  t.like(run, { name: 'QcloneError', code: UNSUPPORTED, message: `run: ${reason}` })
  t.deepEqual(failed, [`run: ${UNSUPPORTED}`, `spawn: ${UNSUPPORTED}`])
})

/** Plays with an environment in which a symbol that Node exports leads elsewhere. */
async function withChangedSymbol<T>(name: string, play: (env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'qclone-'))
  try {
    const library = join(folder, 'changed-symbol.so')
    const source = fileURLToPath(new URL('../../__test__/fixtures/changed-symbol.c', import.meta.url))
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source])
    return await play({ LD_PRELOAD: library, CHANGED_SYMBOL: name })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const unanswered = test.macro({
  title: (_, fact: string) => `without ${fact} no clone answers HTTP, by name, and others are made`,
  async exec(t, fact: string) {
    const { cloneRequests, status, warnings, failed, check } = await playWithout(t, fact, HTTP)
    t.like(cloneRequests, { name: 'QcloneError', code: UNSUPPORTED })
    assertNames(t, (cloneRequests as Described).message, fact)
    t.is(status, 503)
    assertNames(t, (warnings as string[]).join(), fact)
    t.deepEqual(failed, [`offload: ${UNSUPPORTED}`])
    t.deepEqual(check, { ok: true })
  },
})

for (const fact of OF_HTTP) test(unanswered, fact)

const withoutReaders = test.macro({
  title: (_, fact: string) => `without ${fact} there are no readers, by name, and others are made`,
  async exec(t, fact: string) {
    const { cloneReaders, run } = await playWithout(t, fact, 'doors of readers')
    t.like(cloneReaders, { name: 'QcloneError', code: UNSUPPORTED })
    assertNames(t, (cloneReaders as Described).message, fact)
    t.is(run, 1)
  },
})

for (const fact of OF_READERS) test(withoutReaders, fact)

test("listeners on a connection are told apart: Node's own and others", async (t) => {
  const seen = { 'before others': [], 'after them': ['onEnd', 'bound onEnd', 'socketOnClose'] }
  t.deepEqual(await playScene(t, 'internals', 'listeners on a connection'), { http: seen, https: seen })
})

test('an agent may wrap the functions of HTTP/2', async (t) => {
  t.deepEqual(await playScene(t, 'internals', 'http2 wrapped by an agent'), { run: 1 })
})

test('facts are verified once, and nothing of that stays open', async (t) => {
  const { ms, ...told } = await playScene(t, 'internals', 'nothing broken')
  t.true(Number(ms) < 0.05, `${ms} ms`)
  t.deepEqual(told, { check: { ok: true }, run: 1 })
})

/** Members of Node's that no documentation has, by name: those with an underscore, and those that facts name. */
const MEMBERS = [
  /(?:\.|[[{,]\s*|['"`])_[a-z]\w*/gi,
  /\b(?:addRequest|assignSocket|detachSocket|getAsyncId|httpAllowHalfOpen|moduleLoadList|readStart|readStop)\b/g,
  /\b(?:totalSocketCount|getOwnPropertySymbols|timerListMap|timerListQueue|immediateQueue)\b|\.parser\b/g,
  /['"]reallyExit['"]/g,
]

/** Documented, for classes that extend Node's serializer. */
const DOCUMENTED = /_writeHostObject|_readHostObject/

function membersIn(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g, '')
  const found = MEMBERS.flatMap((pattern) => code.match(pattern) ?? [])
  return found.filter((member) => !DOCUMENTED.test(member))
}

test('only ts/node-internals touches what Node does not document', (t) => {
  const folder = fileURLToPath(new URL('../../ts', import.meta.url))
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith(`node-internals${sep}`))
    .map((file) => [file, membersIn(readFileSync(join(folder, file), 'utf8'))] as const)
  t.true(files.length > 100)
  t.deepEqual(
    files.filter(([, members]) => members.length > 0),
    [],
  )
  for (const wrong of ['socket._handle', 'const { a, _handle } = b', "a['_handle']", 'a?.readStop?.()']) {
    t.is(membersIn(wrong).length, 1, wrong)
  }
})
