import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createServer as createTls, Server as TlsServer } from 'node:tls'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { cloneQueries, cloneSessions, configure, ProtocolError, QcloneError } from 'node-qclone'
import { type KdbAddress, type KdbRequestOptions, kdb, QError, q, request } from 'node-qclone/kdb'
import { compress } from '#dist/codecs/kdb/compress.js'
import { encodeMessage } from '#dist/codecs/kdb/encode-reply.js'
import { selfSigned } from '../harness/certificate.js'
import { listenOn, untilUnconnected } from '../harness/listen.js'
import { Sink } from '../harness/messages/sink.js'
import { playScene } from './helpers/fixture.js'
import { framed, greeting, hex, record } from './helpers/kdb.js'
import { kdbService } from './helpers/kdb-service.js'

// This process answers queries itself. The fixture has servers that clone.
configure({ inline: true })

const unhandled: unknown[] = []
process.on('warning', (warning) => unhandled.push(warning))

test.after.always('no warning was emitted', (t) => {
  t.deepEqual(unhandled, [])
})

/** A server of this project, and the logins it has seen. */
function serve(t: ExecutionContext, server: Server): string[] {
  const logins: string[] = []
  const authenticate = (user: string, password: string) => {
    logins.push(`${user}:${password}`)
    return password !== 'wrong'
  }
  const { answer } = kdbService()
  const serveClients = server instanceof TlsServer ? cloneSessions : cloneQueries
  serveClients(server, { codec: kdb({ authenticate }), evaluate: answer })
  closeAfter(t, server)
  return logins
}

function closeAfter(t: ExecutionContext, server: Server): void {
  t.teardown(async () => {
    await untilUnconnected(server)
    server.close()
  })
}

const RESPONSE = { kind: 2 }
const SYMBOL = hex('f5616263 00')
const REPLY = framed(SYMBOL, RESPONSE)
/** Greeting and query of `request(':me:secret', '2+2')`. */
const GREETING = hex('6d653a736563726574 03 00')
const QUERY = hex('01010000 11000000 0a00 03000000 322b32')

interface Raw {
  port: number
  /** Bytes that it has received. */
  received: () => Buffer
  connections: () => number
}

/** A server that does `act` with each client whose greeting it has let in, and whose query it has received. */
function scripted(t: ExecutionContext, act: (socket: Socket) => unknown): Promise<Raw> {
  return raw(t, (socket, bytes) => {
    if (bytes.equals(GREETING)) socket.write(Buffer.of(3))
    else if (bytes.length === GREETING.length + QUERY.length) act(socket)
  })
}

/** A server that calls `act` whenever a client sends something, with everything it has sent. */
async function raw(t: ExecutionContext, act: (socket: Socket, bytes: Buffer) => unknown): Promise<Raw> {
  let all = Buffer.alloc(0)
  let connections = 0
  const server = createServer((socket) => {
    connections++
    let bytes = Buffer.alloc(0)
    // A client that gives up resets the connection.
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      all = Buffer.concat([all, chunk])
      act(socket, bytes)
    })
  })
  const port = await listenOn(server)
  closeAfter(t, server)
  return { port, received: () => all, connections: () => connections }
}

function ask(port: number, options?: KdbRequestOptions): Promise<unknown> {
  return request(`:127.0.0.1:${port}:me:secret`, '2+2', options)
}

test("it answers as the server does, with the codec's values", async (t) => {
  const server = createServer()
  const logins = serve(t, server)
  const address = `:127.0.0.1:${await listenOn(server)}:me:se:cret`
  t.is(await request(address, ['add', 2, 2]), 4)
  t.deepEqual(await request(address, ['get', 'dict']), record({ a: 1, b: 2 }))
  t.deepEqual(
    await request(address, ['get', 'table']),
    q.table({ sym: ['a', 'b'], size: [1, 2], price: [1.5, 2.5] }),
  )
  t.is(await request(address, ['get', 'null']), null)
  t.true(((await request(address, 'names')) as string[]).includes('table'))
  const echoed = [q.symbol('upd'), [1, 2], { x: new Uint8Array([1]) }]
  t.deepEqual(await request(address, ['echo', echoed]), ['upd', [1, 2], record({ x: new Uint8Array([1]) })])
  t.deepEqual([...new Set(logins)], ['me:se:cret'])
})

const addressed = test.macro({
  title: (_, form: string) => `an address like ${form} is understood`,
  async exec(t, _: string, of: (port: number) => KdbAddress, login: string, ipv6 = false) {
    const server = createServer()
    const logins = serve(t, server)
    server.listen(0, ipv6 ? '::1' : 'localhost')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    t.is(await request(of(port), ['add', 1, 2]), 3)
    t.deepEqual(logins, [login])
  },
})

test(addressed, "':host:port:user:password'", (port) => `:localhost:${port}:me:secret`, 'me:secret')
test(addressed, "'host:port:user:password'", (port) => `localhost:${port}:me:a:b`, 'me:a:b')
test(addressed, "':host:port:user'", (port) => `:localhost:${port}:me`, 'me:')
test(addressed, "':host:port'", (port) => `:localhost:${port}`, ':')
test(addressed, "'host:port'", (port) => `localhost:${port}`, ':')
test(addressed, "'::port'", (port) => `::${port}`, ':')
test(addressed, "':port'", (port) => `:${port}`, ':')
test(addressed, "':port:user:password'", (port) => `:${port}:me:secret`, 'me:secret')
test(addressed, '{ port }', (port) => ({ port }), ':')
test(
  addressed,
  '{ host, port, user, password }',
  (port) => ({ host: 'localhost', port, user: 'me', password: 'ß:' }),
  'me:ß:',
)
test(addressed, '{ host } of IPv6', (port) => ({ host: '::1', port, user: 'me' }), 'me:', true)

test('a server on a Unix domain socket is asked by its path', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'qclone-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'kdb')
  const server = createServer()
  const logins = serve(t, server)
  server.listen(path)
  await once(server, 'listening')
  t.is(await request({ path, user: 'me', password: 'secret' }, ['add', 1, 2]), 3)
  t.deepEqual(logins, ['me:secret'])
  const nowhere = join(folder, 'nowhere')
  await t.throwsAsync(request({ path: nowhere }, '1'), {
    instanceOf: QcloneError,
    code: 'ERR_QCLONE_CONNECTION',
    message: `request to ${nowhere}: could not connect (ENOENT): check the address and \`tls\`, and that a kdb+ server listens there`,
  })
})

test('what it sends is what q sends, and the query only once it is let in', async (t) => {
  const { port, received } = await scripted(t, (socket) => socket.write(REPLY))
  t.is(await ask(port), 'abc')
  t.deepEqual(received(), Buffer.concat([GREETING, QUERY]))
  t.deepEqual(GREETING, greeting('me:secret'))
})

const answered = test.macro({
  title: (_, what: string) => `an answer is received: ${what}`,
  async exec(t, _: string, parts: Uint8Array[], value: unknown, options?: KdbRequestOptions) {
    const { port } = await scripted(t, async (socket) => {
      socket.setNoDelay()
      for (const part of parts) {
        socket.write(part)
        await delay(1)
      }
    })
    t.deepEqual(await ask(port, options), value)
  },
})

const LONGS = Array.from({ length: 1000 }, (_, i) => i % 7)
const PACKED = encodeMessage(2, LONGS, { compress: true, maxDepth: 128 }, 3)

function bigEndian(): Buffer {
  const sink = new Sink()
  sink.isLittleEndian = false
  sink.byte(6)
  sink.byte(0)
  sink.int32(1000)
  for (const value of LONGS) sink.int32(value)
  return framed(sink.copy(), { ...RESPONSE, isLittleEndian: false })
}

function packedBigEndian(): Buffer {
  const packed = compress(bigEndian()) as Buffer
  packed.writeUInt32BE(packed.length, 4)
  packed.writeUInt32BE(4014, 8)
  return packed
}

const bytesOf = (bytes: Buffer) => Array.from(bytes, (byte) => Uint8Array.of(byte))
const UPDATE = framed('ff01', { kind: 0 })

test(answered, 'byte by byte', bytesOf(REPLY), 'abc')
test(answered, 'compressed', [PACKED], LONGS)
test(answered, 'compressed, byte by byte', bytesOf(PACKED), LONGS)
test(answered, 'big-endian', [bigEndian()], LONGS)
test(answered, 'big-endian and compressed', [packedBigEndian()], LONGS)
test(answered, 'after asynchronous messages', [Buffer.concat([UPDATE, UPDATE, REPLY])], 'abc')
test(answered, 'after such messages in parts', bytesOf(Buffer.concat([UPDATE, UPDATE, REPLY])), 'abc')
test(answered, 'before another one', [Buffer.concat([REPLY, UPDATE])], 'abc')
test(answered, 'at the bound', [REPLY], 'abc', { maxMessageBytes: REPLY.length })

test('an asynchronous message right after the login is skipped, too', async (t) => {
  const { port } = await raw(t, (socket, bytes) => {
    if (bytes.equals(GREETING)) socket.write(Buffer.concat([Buffer.of(3), UPDATE]))
    else socket.write(REPLY)
  })
  t.is(await ask(port), 'abc')
})

// Before the others, whose timeouts this would reach.
test.serial('an answer that came in time is received, though its turn began after the timeout', async (t) => {
  const worker = new Worker(
    `const { createServer } = require('node:net')
    const { parentPort } = require('node:worker_threads')
    const answer = Buffer.from('${REPLY.toString('hex')}', 'hex')
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.write(Buffer.of(3))
        socket.once('data', () => {
          parentPort.postMessage('asked')
          setTimeout(() => socket.end(answer), 100)
        })
      })
    })
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`,
    { eval: true },
  )
  t.teardown(() => worker.terminate())
  const [port] = await once(worker, 'message')
  const answer = ask(port, { timeout: 1000 })
  t.deepEqual(await once(worker, 'message'), ['asked'])
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
  t.is(await answer, 'abc')
})

const error = test.macro({
  title: (_, what: string) => `an error of the server is a QError: ${what}`,
  async exec(t, _: string, body: string, text: string) {
    const { port } = await scripted(t, (socket) => socket.write(framed(body, RESPONSE)))
    const thrown = await t.throwsAsync(ask(port), { instanceOf: QError, name: 'QError', message: text })
    t.regex(thrown?.stack ?? '', /^QError(: .*)?\n {4}at/)
  },
})

test(error, "'type", '80 74797065 00', 'type')
test(error, 'in UTF-8', '80 c39f 00', 'ß')
test(error, 'without a text', '80 00', '')

test('an error that the server throws, and a wrong password, are told apart', async (t) => {
  const server = createServer()
  serve(t, server)
  const port = await listenOn(server)
  await t.throwsAsync(request(`::${port}`, ['fail', 'no such table']), {
    instanceOf: QError,
    message: 'no such table',
  })
  await t.throwsAsync(request(`::${port}:me:wrong`, ['add', 1, 2]), {
    instanceOf: QcloneError,
    code: 'ERR_QCLONE_ACCESS',
    message:
      /^request to localhost:\d+: the server closed the connection during login.*check user and password/,
  })
})

const closed = test.macro({
  title: (_, what: string) => `a connection that ends early rejects: ${what}`,
  async exec(t, _: string, act: (socket: Socket, bytes: Buffer) => unknown, code: string, message: RegExp) {
    const { port } = await raw(t, act)
    await t.throwsAsync(ask(port), { instanceOf: QcloneError, code, message })
  },
})

const inPart = (bytes: Uint8Array, end: (socket: Socket) => unknown) => (socket: Socket, all: Buffer) => {
  if (all.equals(GREETING)) return socket.write(Buffer.of(3))
  return socket.write(bytes, () => end(socket))
}

test(closed, 'at the greeting', (socket) => socket.end(), 'ERR_QCLONE_ACCESS', /during login: check user/)
test(
  closed,
  'by a reset at the greeting',
  (socket) => socket.resetAndDestroy(),
  'ERR_QCLONE_ACCESS',
  /during login \(ECONNRESET\): check user/,
)
test(
  closed,
  'before the answer',
  inPart(Buffer.of(), (socket) => socket.end()),
  'ERR_QCLONE_CONNECTION',
  /closed before the answer was complete: see/,
)
test(
  closed,
  'by a reset before the answer',
  inPart(Buffer.of(), (socket) => socket.resetAndDestroy()),
  'ERR_QCLONE_CONNECTION',
  /complete \(ECONNRESET\): see/,
)
for (const length of [1, 7, 8, 12]) {
  test(
    closed,
    `after ${length} bytes of 13`,
    inPart(REPLY.subarray(0, length), (socket) => socket.end()),
    'ERR_QCLONE_CONNECTION',
    /before the answer was complete/,
  )
}

test('a port on which nobody listens refuses the connection', async (t) => {
  const server = createServer()
  const port = await listenOn(server)
  server.close()
  for (const host of ['127.0.0.1', 'localhost']) {
    const thrown = await t.throwsAsync(request({ host, port }, '1'), {
      instanceOf: QcloneError,
      code: 'ERR_QCLONE_CONNECTION',
      message: `request to ${host}:${port}: could not connect (ECONNREFUSED): check the address and \`tls\`, and that a kdb+ server listens there`,
    })
    t.is((thrown as QcloneError).errno, 'ECONNREFUSED')
    t.truthy(thrown?.cause)
  }
})

test('an unknown host is named', async (t) => {
  await t.throwsAsync(request('host.invalid:5010', '1'), {
    code: 'ERR_QCLONE_CONNECTION',
    message: /^request to host\.invalid:5010: could not connect \((ENOTFOUND|EAI_AGAIN)\)/,
  })
})

const malformed = test.macro({
  title: (_, what: string) => `a malformed answer is refused: ${what}`,
  async exec(t, _: string, bytes: Uint8Array, message: RegExp, options?: KdbRequestOptions) {
    // The server keeps the connection open and sends nothing more.
    const { port } = await scripted(t, (socket) => socket.write(bytes))
    await t.throwsAsync(ask(port, options), { instanceOf: ProtocolError, message })
  },
})

const head = (kind: number, length: number) => framed('', { kind, length })
test(
  malformed,
  'larger than the bound',
  head(2, (16 << 20) + 1),
  /16777217 bytes is too long: `maxMessageBytes`/,
)
test(malformed, 'of 4 GiB', head(2, 2 ** 32 - 1), /4294967295 bytes is too long/)
test(malformed, 'larger than a bound of its own', head(2, 101), /101 bytes is too long/, {
  maxMessageBytes: 100,
})
test(malformed, 'an asynchronous message beyond the bound', head(0, 101), /101 bytes is too long/, {
  maxMessageBytes: 100,
})
test(malformed, 'uncompressed beyond the bound', PACKED, /uncompressed message of 8014 bytes is too long/, {
  maxMessageBytes: 8013,
})
test(
  malformed,
  'a compressed one that is not',
  framed('0a000000ff01', RESPONSE).fill(1, 2, 3),
  /cannot hold|early/,
)
test(malformed, 'a query', framed('ff01'), /sent a query instead of a response/)
test(malformed, 'of no kind', framed('ff01', { kind: 3 }), /3 is not a kind of message/)
test(malformed, 'no byte order', Buffer.alloc(9, 7), /7 is not a byte order/)
test(malformed, 'no body', head(2, 8), /8 bytes is too short/)
test(malformed, 'a value of no type', framed('fd01', RESPONSE), /-3 is not a known type/)
test(malformed, 'two values', framed('ff01ff01', RESPONSE), /more than one value/)
test(malformed, 'an error without an end', framed('8061', RESPONSE), /no end/)
test(malformed, 'too many items', PACKED, /more than the 100 items allowed/, { maxItems: 100 })
test(
  malformed,
  'nested too deep',
  framed(hex(`${'000001000000'.repeat(3)}ff01`), RESPONSE),
  /nested too deep/,
  {
    maxDepth: 2,
  },
)

test('a server of another protocol is refused', async (t) => {
  const { port } = await raw(t, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await t.throwsAsync(ask(port), {
    instanceOf: ProtocolError,
    message: /byte 72: it speaks another protocol/,
  })
})

test('many small asynchronous messages take little time', async (t) => {
  const updates = Buffer.concat(Array.from({ length: 100_000 }, () => UPDATE))
  const { port } = await scripted(t, (socket) => socket.write(Buffer.concat([updates, REPLY])))
  const begun = performance.now()
  t.is(await ask(port), 'abc')
  t.true(performance.now() - begun < 10_000)
})

const silent = test.macro({
  title: (_, what: string) => `a server that is silent is left at the timeout: ${what}`,
  async exec(t, stage: string, act: (socket: Socket, bytes: Buffer) => unknown) {
    const { port } = await raw(t, act)
    await t.throwsAsync(ask(port, { timeout: 1000 }), {
      instanceOf: QcloneError,
      name: 'TimeoutError',
      code: 'ERR_QCLONE_TIMEOUT',
      message: `request to 127.0.0.1:${port}: still ${stage} after 1000 ms: raise \`timeout\`, or check what the server is doing`,
    })
  },
})

test(silent, 'logging in', () => {})
test(
  silent,
  'waiting for the answer',
  inPart(REPLY.subarray(0, 9), () => {}),
)

test('the timeout holds for a server that sends all the time', async (t) => {
  const { port } = await scripted(t, (socket) => {
    const timer = setInterval(() => socket.write(UPDATE), 5)
    socket.on('close', () => clearInterval(timer))
  })
  await t.throwsAsync(ask(port, { timeout: 100 }), { code: 'ERR_QCLONE_TIMEOUT' })
})

test('a signal aborts, and its reason is the cause', async (t) => {
  const reason = { why: 'enough' }
  const { port } = await raw(t, () => abort.abort(reason))
  const abort = new AbortController()
  const aborted = { instanceOf: QcloneError, name: 'AbortError', code: 'ERR_QCLONE_ABORTED' }
  const thrown = await t.throwsAsync(ask(port, { signal: abort.signal }), aborted)
  t.is(thrown?.message, `request to 127.0.0.1:${port}: it was aborted by its signal`)
  t.is(thrown?.cause, reason)
})

test('a signal that is aborted already connects nowhere', async (t) => {
  const { port, connections } = await scripted(t, (socket) => socket.write(REPLY))
  await t.throwsAsync(ask(port, { signal: AbortSignal.abort() }), { code: 'ERR_QCLONE_ABORTED' })
  await t.notThrowsAsync(ask(port))
  t.is(connections(), 1)
})

test('one signal serves many requests', async (t) => {
  const { port } = await scripted(t, (socket) => socket.write(REPLY))
  const { signal } = new AbortController()
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port, { signal })))
  t.deepEqual(new Set(answers), new Set(['abc']))
})

const refused = test.macro({
  title: (_, what: string) => `refused before anything happens: ${what}`,
  exec(t, _: string, address: unknown, options: unknown, type: ErrorConstructor, message: RegExp) {
    const thrown = t.throws(() => request(address as KdbAddress, '1', options as KdbRequestOptions), {
      instanceOf: type,
      message,
    })
    t.notRegex(thrown?.message ?? '', /secret/)
  },
})

const FORMS = /Expected `address` to be like ':host:port:user:password', { host, port } or { path }, got/
test(refused, 'no address', undefined, {}, TypeError, FORMS)
test(refused, 'a number', 5010, {}, TypeError, FORMS)
test(refused, 'an empty text', '', {}, TypeError, FORMS)
test(refused, 'no port', 'localhost', {}, TypeError, FORMS)
test(refused, 'a port that is no number', ':localhost:kdb:me:secret', {}, TypeError, FORMS)
test(refused, 'unix://', ':unix://5010:me:secret', {}, TypeError, FORMS)
test(refused, 'port 0', 'localhost:0', {}, RangeError, /`address.port` to be a finite number of at least 1/)
test(refused, 'port 65536', 'localhost:65536', {}, RangeError, /`address.port` to be at most 65535/)
test(refused, 'port 1.5', { port: 1.5 }, {}, RangeError, /`address.port` to be an integer/)
test(refused, 'a port in text', { port: '5010' }, {}, TypeError, /`address.port` to be a number/)
test(refused, 'neither port nor path', { host: 'a' }, {}, TypeError, /either a `port` or a `path`/)
test(refused, 'port and path', { port: 1, path: '/a' }, {}, TypeError, /either a `port` or a `path`/)
test(refused, 'an empty path', { path: '' }, {}, TypeError, /either a `port` or a `path`/)
test(
  refused,
  'an unknown part',
  { port: 1, pass: 1 },
  {},
  TypeError,
  /among host, port, path, user, password/,
)
test(refused, 'a host that is no text', { host: 1, port: 1 }, {}, TypeError, /`address.host` to be a string/)
test(
  refused,
  'a user with a colon',
  { port: 1, user: 'a:b' },
  {},
  RangeError,
  /`address.user` not to contain ":"/,
)
test(refused, 'a user with a NUL', ':a:1:m\0e:secret', {}, RangeError, /`address.user` not to contain/)
test(
  refused,
  'a password with a NUL',
  ':a:1:me:secret\0',
  {},
  RangeError,
  /`address.password` not to contain/,
)
test(
  refused,
  'a password that is no text',
  { port: 1, password: ['secret'] },
  {},
  TypeError,
  /password` to be a string/,
)
test(refused, 'options that are none', ':1', null, TypeError, /Expected the options to be an object/)
test(
  refused,
  'an unknown option',
  ':1',
  { timeOut: 1 },
  TypeError,
  /among timeout, signal, tls, .*got `timeOut`/,
)
test(refused, 'a timeout below 0', ':1', { timeout: -1 }, RangeError, /`timeout`/)
test(refused, 'a timeout too long for a timer', ':1', { timeout: 2 ** 31 }, RangeError, /`timeout`/)
test(refused, 'a timeout that is no number', ':1', { timeout: '1' }, TypeError, /`timeout` to be a number/)
test(refused, 'a signal that is none', ':1', { signal: {} }, TypeError, /`signal` to be an AbortSignal/)
test(refused, 'tls that is none', ':1', { tls: 'yes' }, TypeError, /`tls` to be an object/)
test(refused, 'a bound of 0', ':1', { maxMessageBytes: 0 }, RangeError, /`maxMessageBytes`/)
test(refused, 'items beyond', ':1', { maxItems: 2 ** 27 }, RangeError, /`maxItems` to be at most/)
test(refused, 'a depth beyond', ':1', { maxDepth: 501 }, RangeError, /`maxDepth` to be at most 500/)

test('an option that is undefined is left out, and there need be no timeout', async (t) => {
  const { port } = await scripted(t, (socket) => socket.write(REPLY))
  const options = { timeout: undefined, signal: undefined, tls: undefined, maxItems: undefined }
  t.is(await ask(port, options as unknown as KdbRequestOptions), 'abc')
  t.is(await ask(port, { timeout: Infinity }), 'abc')
})

test('a query that cannot be sent names its part, and nothing is sent', async (t) => {
  const { port, connections } = await scripted(t, () => {})
  const thrown = await t.throwsAsync(request(`::${port}`, ['f', { a: () => 1 }]), {
    instanceOf: QcloneError,
    code: 'ERR_QCLONE_UNSERIALIZABLE',
    message: /value\[1\]\.a cannot be sent: it is a function/,
  })
  t.is((thrown as QcloneError).path, 'value[1].a')
  await t.throwsAsync(request(`::${port}`, [[[1]]], { maxDepth: 2 }), { code: 'ERR_QCLONE_UNSERIALIZABLE' })
  t.is(connections(), 0)
})

async function servingTls(t: ExecutionContext) {
  const { key, cert } = selfSigned()
  const names: string[] = []
  const SNICallback = (name: string, done: (error: null) => void) => {
    names.push(name)
    done(null)
  }
  const server = createTls({ key, cert, SNICallback })
  server.on('tlsClientError', () => {})
  const logins = serve(t, server)
  return { port: await listenOn(server), cert, logins, names }
}

test('TLS is spoken when asked for, by option or address', async (t) => {
  const { port, cert, logins, names } = await servingTls(t)
  t.is(await request(`:localhost:${port}:me:secret`, ['add', 1, 2], { tls: { ca: cert } }), 3)
  t.is(await request(`:tcps://localhost:${port}:me:secret`, ['add', 1, 2], { tls: { ca: cert } }), 3)
  const anyCertificate = { tls: { rejectUnauthorized: false } }
  t.is(
    await request({ host: '127.0.0.1', port, user: 'me', password: 'secret' }, ['add', 1, 2], anyCertificate),
    3,
  )
  t.deepEqual(names, ['localhost', 'localhost'])
  t.deepEqual(logins, ['me:secret', 'me:secret', 'me:secret'])
})

test('a server whose certificate is not trusted gets no password', async (t) => {
  const { port, logins } = await servingTls(t)
  const untrusted = {
    code: 'ERR_QCLONE_CONNECTION',
    message: /could not connect \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
  }
  await t.throwsAsync(request(`:tcps://localhost:${port}:me:secret`, '1'), untrusted)
  await t.throwsAsync(request(`:localhost:${port}:me:secret`, '1', { tls: true }), untrusted)
  await t.throwsAsync(request(`:tcps://localhost:${port}:me:secret`, '1', { tls: false }), untrusted)
  t.deepEqual(logins, [])
})

test('TLS to a server without, and the other way round, say so', async (t) => {
  const { port: ofTls } = await servingTls(t)
  await t.throwsAsync(request(`::${ofTls}:me:secret`, '1', { timeout: 10_000 }), {
    code: 'ERR_QCLONE_ACCESS',
    message: /whether it expects `tls`/,
  })
  const server = createServer()
  serve(t, server)
  const port = await listenOn(server)
  await t.throwsAsync(request(`::${port}`, '1', { tls: true, timeout: 10_000 }), {
    code: 'ERR_QCLONE_CONNECTION',
    message: /check the address and `tls`/,
  })
})

test('a Worker can ask', async (t) => {
  const { port } = await scripted(t, (socket) => socket.write(REPLY))
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
    import('node-qclone/kdb')
      .then(({ request }) => request(':127.0.0.1:${port}:me:secret', '2+2'))
      .then((value) => parentPort.postMessage(value), (error) => parentPort.postMessage(String(error)))`,
    { eval: true },
  )
  const ended = once(worker, 'exit')
  t.deepEqual(await once(worker, 'message'), ['abc'])
  t.deepEqual(await ended, [0])
})

for (const kind of ['queries', 'sessions']) {
  test(`clones answer, and clones ask: ${kind}`, async (t) => {
    t.deepEqual(await playScene(t, 'kdb-request', 'clones', { args: [kind] }), {
      'by the parent': [4, 300, 'QError no such table', 'ERR_QCLONE_ACCESS'],
      'by a clone': [4, 300, 'QError no such table', 'ERR_QCLONE_ACCESS'],
      'an error, from a clone to its parent': 'QError no such table',
      'a timeout, from a clone to its parent': 'ERR_QCLONE_TIMEOUT',
    })
  })
}

test('nothing is left open, however it ends', async (t) => {
  const { ms, ...told } = await playScene(t, 'kdb-request', 'leaves nothing')
  t.deepEqual(told, {
    outcomes: ['abc', 'QError', 'ProtocolError', 'TimeoutError', 'AbortError', 'QcloneError', 'QcloneError'],
    left: [],
  })
  t.true((ms as number) < 10_000)
})
