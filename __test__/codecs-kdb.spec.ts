import test from 'ava'
import { ProtocolError } from 'node-qclone'
import { type KdbOptions, kdb, q } from 'node-qclone/kdb'
import { compress } from '#dist/codecs/kdb/compress.js'
import { encodeMessage } from '#dist/codecs/kdb/encode-reply.js'
import { uncompress } from '#dist/codecs/kdb/uncompress.js'
import { cpuMs } from '../harness/cpu-time.js'
import { KdbValues } from '../harness/messages/kdb-values.js'
import { Sink } from '../harness/messages/sink.js'
import { Random } from '../harness/random.js'
import {
  framed,
  greeting,
  hex,
  messagesIn,
  opened,
  outcomeOf,
  QUERY,
  queryOf,
  received,
} from './helpers/kdb.js'

test('its name is kdb', (t) => {
  t.is(kdb().name, 'kdb')
})

const greeted = test.macro({
  title: (_, what: string) => `a client is let in: ${what}`,
  exec(t, _: string, bytes: Buffer, [user, password]: [string, string], capability: number) {
    const seen: unknown[] = []
    const authenticate = (...args: unknown[]) => seen.push(args) > 0
    const conversation = kdb({ authenticate }).open()
    t.false(conversation.established)
    t.deepEqual(conversation.receive(bytes), [{ kind: 'send', bytes: Uint8Array.of(capability) }])
    t.true(conversation.established)
    t.deepEqual(seen, [[user, password]])
  },
})

test(greeted, 'of today', greeting('me:secret', 3), ['me', 'secret'], 3)
test(greeted, 'of q 4, which could do more', greeting('me:secret', 6), ['me', 'secret'], 3)
test(greeted, 'of q 2.6', greeting('me:secret', 1), ['me', 'secret'], 1)
test(greeted, 'of q 2.5', greeting('me:secret', null), ['me', 'secret'], 0)
test(greeted, 'without a password', greeting('me', 3), ['me', ''], 3)
test(greeted, 'without a user', greeting(':secret', 3), ['', 'secret'], 3)
test(greeted, 'without anything', greeting('', 3), ['', ''], 3)
test(greeted, 'without anything, not even a capability', greeting('', null), ['', ''], 0)
test(greeted, 'with a colon in the password', greeting('me:a:b', 3), ['me', 'a:b'], 3)
test(greeted, 'with a password in UTF-8', greeting('me:ß', 3), ['me', 'ß'], 3)
test(greeted, 'with a password in Latin-1', Buffer.from('me:\u00df\u0003\0', 'latin1'), ['me', 'ß'], 3)

const turnedAway = test.macro({
  title: (_, what: string) => `a client is turned away: ${what}`,
  exec(t, _: string, authenticate: unknown, reason: RegExp) {
    const conversation = kdb({ authenticate } as KdbOptions).open()
    const [message, ...others] = conversation.receive(Buffer.concat([greeting('me:secret'), queryOf('1+1')]))
    t.deepEqual(others, [])
    t.is(message?.kind, 'refused')
    t.regex((message as { reason: string }).reason, reason)
    t.notRegex((message as { reason: string }).reason, /secret/)
    t.false(conversation.established)
    t.deepEqual(conversation.receive(queryOf('1+1')), [])
  },
})

test(turnedAway, 'a wrong password', () => false, /user or password is wrong: 'me'/)
test(turnedAway, 'what is true but not `true`', () => 1, /wrong/)
test(
  turnedAway,
  'the check fails',
  () => {
    throw new Error('no database')
  },
  /user 'me' could not be authenticated: no database/,
)

test('a check that returns a promise lets nobody in, and says so', (t) => {
  for (const authenticate of [async () => true, async () => Promise.reject(new Error('no database'))]) {
    const conversation = kdb({ authenticate } as never).open()
    t.throws(() => conversation.receive(greeting('me:secret')), {
      instanceOf: TypeError,
      message: /`authenticate` to return no promise/,
    })
    t.false(conversation.established)
    t.throws(() => conversation.receive(greeting('me:secret')), {
      instanceOf: ProtocolError,
      message: /is over/,
    })
  }
})

test('without a check everybody is let in', (t) => {
  t.true(opened().established)
})

test('a request of HTTP, which a web page may send anywhere, is no greeting', (t) => {
  const request = Buffer.from('POST / HTTP/1.1\r\nhost: a\r\n\r\n\u0003\0')
  const error = { instanceOf: ProtocolError, message: /control characters/ }
  t.throws(() => kdb().open().receive(request), error)
})

test('a greeting is of bounded length', (t) => {
  const error = { instanceOf: ProtocolError, message: /more than 20 bytes is too long/ }
  const open = () => kdb({ maxGreetingBytes: 20 }).open()
  t.notThrows(() => open().receive(greeting('u'.repeat(19), 3)))
  t.throws(() => open().receive(greeting('u'.repeat(20), 3)), error)
  t.throws(() => open().receive(Buffer.alloc(21, 'u')), error)
  const conversation = open()
  t.deepEqual(conversation.receive(Buffer.alloc(20, 'u')), [])
  t.throws(() => conversation.receive(Buffer.of(0x75)), error)
  t.throws(() => kdb().open().receive(Buffer.alloc(4097, 'u')), { instanceOf: ProtocolError })
})

test('what a browser sends is no greeting', (t) => {
  const request = Buffer.from('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nuser:password\x03\0')
  const error = { instanceOf: ProtocolError, message: /another protocol/ }
  t.throws(() => kdb().open().receive(request), error)
  t.throws(() => kdb().open().receive(greeting('us\ner:password')), error)
})

test('sync messages are queries, async ones updates', (t) => {
  const messages = messagesIn(Buffer.concat([framed('ff01', { kind: 1 }), framed('ff00', { kind: 0 })]))
  t.deepEqual(messages, [
    { kind: 'query', value: true },
    { kind: 'update', value: false },
  ])
})

test('what comes with the greeting is not lost', (t) => {
  const messages = messagesIn(Buffer.concat([greeting(), queryOf('1+1')]), kdb().open())
  t.deepEqual(messages, [
    { kind: 'send', bytes: Uint8Array.of(3) },
    { kind: 'query', value: '1+1' },
  ])
})

test('a message is one however its bytes are cut', (t) => {
  const value = { list: [1, 2, 3], text: 'x'.repeat(300) }
  const stream = Buffer.concat([
    greeting(),
    queryOf('a'),
    queryOf(value),
    framed('ff01', { kind: 0 }),
    queryOf('b'),
  ])
  const whole = outcomeOf(kdb().open(), [stream])
  t.is(whole.messages.length, 5)
  t.is(whole.error, undefined)
  for (let size = 1; size < stream.length; size++) {
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
      stream.subarray(i * size, (i + 1) * size),
    )
    t.deepEqual(outcomeOf(kdb().open(), chunks), whole, `chunks of ${size}`)
  }
})

test('what was whole before a fault is told with it, however the bytes are cut', (t) => {
  const stream = Buffer.concat([greeting(), queryOf('a'), framed('ff01', { kind: 0 }), framed('fd01')])
  const whole = outcomeOf(kdb().open(), [stream])
  t.deepEqual(
    whole.messages.map(({ kind }) => kind),
    ['send', 'query', 'update'],
  )
  t.regex(whole.error ?? '', /-3 is not a known type/)
  for (let cut = 1; cut < stream.length; cut++) {
    t.deepEqual(
      outcomeOf(kdb().open(), [stream.subarray(0, cut), stream.subarray(cut)]),
      whole,
      `cut at ${cut}`,
    )
  }
})

test('after a fault the conversation is over', (t) => {
  const conversation = opened()
  t.throws(() => conversation.receive(framed('ff01', { kind: 2 })), { instanceOf: ProtocolError })
  t.false(conversation.established)
  t.throws(() => conversation.receive(queryOf('a')), { instanceOf: ProtocolError, message: /is over/ })
})

const refused = test.macro({
  title: (_, what: string) => `refused at its head: ${what}`,
  exec(t, _: string, message: string | Buffer, expected: RegExp, options?: KdbOptions) {
    const bytes = typeof message === 'string' ? hex(message) : message
    t.throws(() => opened(options).receive(bytes), { instanceOf: ProtocolError, message: expected })
    // As soon as the head has arrived.
    const conversation = opened(options)
    t.deepEqual(conversation.receive(bytes.subarray(0, 7)), [])
    t.throws(() => conversation.receive(bytes.subarray(7, 8)), {
      instanceOf: ProtocolError,
      message: expected,
    })
  },
})

test(refused, 'a byte order that is none', '0201000009000000ff', /2 is not a byte order/)
test(refused, 'a kind that is none', '0103000009000000ff', /3 is not a kind/)
test(refused, 'a response', '010200000a000000ff01', /it was sent no query/)
test(refused, 'a compression that is none', '010102000a000000ff01', /unknown format/)
test(refused, 'a length of more than 32 bits', '010100010a000000ff01', /unknown format/)
test(refused, 'a message without a body', '0101000008000000', /8 bytes is too short/)
test(refused, 'a message shorter than its head', '0101000000000000', /0 bytes is too short/)
test(refused, 'a compressed message without a body', '010101000c000000', /12 bytes is too short/)
test(refused, 'a message beyond the bound', framed('ff01', { length: 101 }), /101 bytes is too long/, {
  maxMessageBytes: 100,
})
test(refused, 'a message beyond the default bound', framed('ff01', { length: (16 << 20) + 1 }), /too long/)
test(refused, 'a message of 4 GiB', '01010000ffffffff', /4294967295 bytes is too long/)
test(refused, 'a message of 4 GiB, big-endian', '00010000ffffffff', /4294967295 bytes is too long/)

test('a message at the bound is received', (t) => {
  t.is(received(framed('ff01'), opened({ maxMessageBytes: 10 })), true)
  t.throws(() => received(framed('ff01'), opened({ maxMessageBytes: 9 })), { instanceOf: ProtocolError })
})

test('no memory is taken for what was announced and has not come', (t) => {
  const before = process.memoryUsage().arrayBuffers
  const conversations = Array.from({ length: 100 }, () => {
    const conversation = opened()
    conversation.receive(framed('ff01', { length: 16 << 20 }))
    return conversation
  })
  const taken = process.memoryUsage().arrayBuffers - before
  t.is(conversations.length, 100)
  t.true(taken < 10 << 20, `${taken} bytes`)
})

test('a message that comes byte by byte takes time in proportion to its length', (t) => {
  t.timeout(60_000)
  const time = (length: number) => {
    const message = queryOf(Buffer.alloc(length))
    const conversation = opened()
    return cpuMs(() => {
      let messages = 0
      for (let at = 0; at < message.length; at++)
        messages += conversation.receive(message.subarray(at, at + 1)).length
      t.is(messages, 1)
    })
  }
  time(50_000)
  const [short, long] = [time(100_000), time(800_000)]
  // The time is 8 times as long. If every chunk copied all bytes, it would be 64 times as long.
  t.true(long < 30 * short, `${short} ms, ${long} ms`)
})

test('what kdb+ has compressed is uncompressed, and compressed to the same bytes', (t) => {
  const packed = hex('800b00e80300007171ffaa7171ff7171ff7171ff7171ff2a7171ff7171ff7171bf')
  const message = uncompress(packed, 2014)
  t.is(message.length, 2014)
  const length = Buffer.alloc(8)
  length.writeUInt32LE(12 + packed.length)
  length.writeUInt32LE(2014, 4)
  const bytes = Buffer.concat([hex('01010100'), length, packed])
  t.deepEqual(
    received(bytes),
    Array.from({ length: 1000 }, () => 'q'),
  )
  t.deepEqual(compress(message)?.subarray(12), packed)

  const table = hex(
    '00 6200630b0001000034007100000001020b00e803570000710071ff0071ff0071ff005571ff0071ff0071ff0071ff000171be',
  )
  const uncompressed = uncompress(table, 2031)
  const framedTable = framed(uncompressed.subarray(8))
  t.deepEqual(received(framedTable), q.table({ q: Array.from({ length: 1000 }, () => 'q') }))
  t.deepEqual(compress(uncompressed)?.subarray(12), table)
})

const ENCODING = { compress: true, maxDepth: 128 }

test('what is compressed is uncompressed to the same bytes', (t) => {
  for (let index = 0; index < 400; index++) {
    const random = new Random(11, index)
    const sink = new Sink()
    new KdbValues(random, sink).value(3)
    const part = sink.copy()
    // Some long runs, and some repetitions of random bytes.
    const message = framed(
      Buffer.concat(
        Array.from({ length: 40 }, () =>
          random.oneIn(4) ? Buffer.alloc(random.below(600), random.below(3)) : part,
        ),
      ),
    )
    const packed = compress(message)
    if (!packed) continue
    t.true(packed.length <= message.length / 2)
    t.is(packed.readUInt32LE(4), packed.length)
    t.is(packed.readUInt32LE(8), message.length)
    t.deepEqual(uncompress(packed.subarray(12), message.length).subarray(8), message.subarray(8))
  }
})

test('what does not shrink to half is not compressed', (t) => {
  const random = new Random(12, 0)
  t.is(compress(framed(Buffer.from(Array.from({ length: 5000 }, () => random.below(256))))), undefined)
  t.is(compress(framed('ff01')), undefined)
})

test('replies are compressed when that is asked for, they are long, and the client can read it', (t) => {
  const long = new Int32Array(1000)
  const isCompressed = (value: unknown, options: KdbOptions, capability: number | null = 3) =>
    opened(options, capability).reply(QUERY, value)[2] === 1
  t.true(isCompressed(long, { compress: true }))
  t.true(isCompressed(long, { compress: true }, 1))
  t.false(isCompressed(long, { compress: true }, null))
  t.false(isCompressed(long, {}))
  t.false(isCompressed(long.subarray(0, 400), { compress: true }))
  t.false(isCompressed(Float64Array.from({ length: 1000 }, Math.random), { compress: true }))
})

test('a compressed query is received, in parts too', (t) => {
  const value = Array.from({ length: 1000 }, (_, i) => i % 7)
  const message = encodeMessage(1, value, ENCODING, 3)
  t.is(message[2], 1)
  t.deepEqual(received(message), value)
  const chunks = Array.from(message, (byte) => Uint8Array.of(byte))
  t.deepEqual(outcomeOf(opened(), chunks), { messages: [{ kind: 'query', value }], error: undefined })
})

test('a compressed big-endian query is received', (t) => {
  const sink = new Sink()
  sink.isLittleEndian = false
  sink.byte(6)
  sink.byte(0)
  sink.int32(1000)
  for (let i = 0; i < 1000; i++) sink.int32(i % 5)
  const packed = compress(framed(sink.copy(), { isLittleEndian: false })) as Buffer
  packed.writeUInt32BE(packed.length, 4)
  packed.writeUInt32BE(4014, 8)
  t.deepEqual(
    received(packed),
    Array.from({ length: 1000 }, (_, i) => i % 5),
  )
})

function compressedOf(packed: string, length: number): Buffer {
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32LE(12 + hex(packed).length)
  lengths.writeUInt32LE(length, 4)
  return Buffer.concat([hex('01010100'), lengths, hex(packed)])
}

const corrupt = test.macro({
  title: (_, what: string) => `a compressed message is refused: ${what}`,
  exec(t, _: string, packed: string, length: number, message: RegExp, options?: KdbOptions) {
    t.throws(() => received(compressedOf(packed, length), opened(options)), {
      instanceOf: ProtocolError,
      message,
    })
  },
})

test(corrupt, 'no body', '00', 8, /8 bytes is too short/)
test(corrupt, 'a length of 4 GiB', '00ff01', 2 ** 32 - 1, /too long/)
test(corrupt, 'a length beyond the bound', '00ff01', 1001, /1001 bytes is too long/, {
  maxMessageBytes: 1000,
})
test(corrupt, 'a length that nothing so short can have', '00ff01', 16 << 20, /3 bytes cannot hold 16777216/)
test(corrupt, 'an end that comes too early', '00ff', 10, /ends too early/)
test(corrupt, 'an end in a reference', '01ff', 10, /ends too early/)
test(corrupt, 'an end behind all', '00ff0100', 10, /continues after its end/)
test(corrupt, 'a reference to what has not been', '010000', 10, /has an invalid reference/)
test(corrupt, 'a reference that goes on behind the end', '08ffffff00ff', 20, /has an invalid reference/)
test(corrupt, 'a value that is none', '00fd01', 10, /-3 is not a known type/)

test('an uncompressed length at the bound is received', (t) => {
  t.is(received(compressedOf('00ff01', 10), opened({ maxMessageBytes: 15 })), true)
  t.throws(() => received(compressedOf('00ff01', 10), opened({ maxMessageBytes: 14 })), {
    instanceOf: ProtocolError,
  })
})

test('a bomb is as large as is allowed, and no larger', (t) => {
  const bytes = new Uint8Array(8 << 20)
  const bomb = encodeMessage(1, bytes, ENCODING, 3)
  t.true(bomb.length < bytes.length / 100)
  t.deepEqual(received(bomb), bytes)
  t.throws(() => received(bomb, opened({ maxMessageBytes: 8 << 20 })), {
    instanceOf: ProtocolError,
    message: /too long/,
  })
})

test('a reply is a response', (t) => {
  t.deepEqual(Buffer.from(opened().reply(QUERY, 1)), hex('0102000011000000f90100000000000000'))
})

const option = test.macro({
  title: (_, what: string) => `kdb refuses ${what}`,
  exec(t, _: string, options: unknown, instanceOf: ErrorConstructor, message: RegExp) {
    t.throws(() => kdb(options as KdbOptions), { instanceOf, message })
  },
})

test(option, 'what are no options', 5, TypeError, /the options to be an object/)
test(option, 'an unknown option', { compressed: true }, TypeError, /among authenticate, .*, got `compressed`/)
test(
  option,
  'a check that is no function',
  { authenticate: 'x' },
  TypeError,
  /`authenticate` to be a function/,
)
test(option, 'a compression that is neither', { compress: 'remote' }, TypeError, /`compress` to be a boolean/)
test(
  option,
  'a bound that is no number',
  { maxMessageBytes: '1' },
  TypeError,
  /`maxMessageBytes` to be a number/,
)
test(option, 'a bound of nothing', { maxMessageBytes: 0 }, RangeError, /at least 1/)
test(option, 'a bound beyond what there is', { maxMessageBytes: 2 ** 31 }, RangeError, /at most 2147483647/)
test(option, 'a bound that is not whole', { maxGreetingBytes: 1.5 }, RangeError, /an integer/)
test(option, 'a depth beyond the stack', { maxDepth: 501 }, RangeError, /`maxDepth` to be at most 500/)

test('options that are undefined are left out', (t) => {
  t.true(opened({ authenticate: undefined, maxDepth: undefined } as unknown as KdbOptions).established)
})
