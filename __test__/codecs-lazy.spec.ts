import test from 'ava'
import { type Message, ProtocolError } from 'node-qclone'
import { type KdbOptions, kdb } from 'node-qclone/kdb'
import { type NdjsonOptions, ndjson } from 'node-qclone/ndjson'
import { ProtocolError as ErrorOfOutline } from '#dist/codecs/codec.js'
import { encodeMessage } from '#dist/codecs/kdb/encode-reply.js'
import { decodeSample } from '#dist/codecs/kdb/message.js'
import { uncompress } from '#dist/codecs/kdb/uncompress.js'
import { outlineOf } from '#dist/codecs/ndjson/outline.js'
import { leastCpuMs } from '../harness/cpu-time.js'
import { ndjsonSubject } from '../harness/messages/ndjson.js'
import { Random } from '../harness/random.js'
import { framed, greeting, hex, opened, queryOf, received } from './helpers/kdb.js'

const UNBOUNDED = { maxDepth: Infinity, maxItems: Infinity, maxUpdateItems: Infinity }

function read(message: Message | undefined): unknown {
  if (!message || !('value' in message)) throw new Error(`no query or update: ${message?.kind}`)
  return message.value
}

function lines(text: string, options?: NdjsonOptions): Message[] {
  return ndjson(options).open().receive(Buffer.from(text))
}

test('a message of kdb+ is decoded when its value is read, and not before', (t) => {
  const [query, update, ...others] = opened().receive(
    Buffer.concat([framed('fd01'), framed('fd01', { kind: 0 })]),
  )
  t.deepEqual([query?.kind, update?.kind, others], ['query', 'update', []])
  const error = { instanceOf: ProtocolError, message: /-3 is not a known type/ }
  t.throws(() => read(query), error)
  t.throws(() => read(query), error)
  t.throws(() => read(update), error)
})

test('a line is parsed when its value is read, and not before', (t) => {
  const [query, update] = lines('{"query":[nonsense],"id":7}\n{"update":[nonsense]}\n')
  t.deepEqual([query?.kind, update?.kind], ['query', 'update'])
  const error = { instanceOf: ProtocolError, message: /not JSON/ }
  t.throws(() => read(query), error)
  t.throws(() => read(query), error)
  t.throws(() => read(update), error)
})

test('a query whose value nobody has read can be failed, with its id', (t) => {
  const conversation = ndjson().open()
  const [query] = conversation.receive(Buffer.from('{"query":[nonsense],"id":{"a":7}}\n'))
  if (query?.kind !== 'query') throw new Error('no query')
  t.is(
    Buffer.from(conversation.fail(query, new Error('no clone'))).toString(),
    '{"id":{"a":7},"error":{"name":"Error","message":"no clone"}}\n',
  )
})

test('what the parent decodes before a fork is a message as it should be', (t) => {
  t.notThrows(decodeSample)
})

test('a value is decoded once', (t) => {
  for (const [message] of [opened().receive(queryOf([1, 'a'])), lines('{"query":[1,"a"]}\n')]) {
    t.deepEqual(read(message), [1, 'a'])
    t.is(read(message), read(message))
  }
})

test('a message that is whole in its chunk is no copy, one that is spread over chunks is', (t) => {
  const whole = queryOf('abc')
  const [query] = opened().receive(whole)
  const conversation = opened()
  const parts = [whole.subarray(0, 10), Buffer.from(whole.subarray(10))] as const
  conversation.receive(parts[0])
  const [spread] = conversation.receive(parts[1])
  whole.fill(0x78, 14)
  parts[1].fill(0)
  t.is(read(query), 'xxx')
  t.is(read(spread), 'abc')
})

/** Head of `kind` that announces `length`, and `unpacked` if it is compressed. */
function head(kind: number, length: number, unpacked?: number): Buffer {
  const bytes = Buffer.alloc(unpacked === undefined ? 8 : 12)
  bytes.set([1, kind, unpacked === undefined ? 0 : 1])
  bytes.writeUInt32LE(length, 4)
  if (unpacked !== undefined) bytes.writeUInt32LE(unpacked, 8)
  return bytes
}

const refused = test.macro({
  title: (_, what: string) => `refused as soon as it is announced: ${what}`,
  exec(t, _: string, bytes: Buffer, message: RegExp, options?: KdbOptions) {
    const error = { instanceOf: ProtocolError, message }
    t.throws(() => opened(options).receive(bytes), error)
    const conversation = opened(options)
    for (const byte of bytes.subarray(0, -1)) t.deepEqual(conversation.receive(Uint8Array.of(byte)), [])
    t.throws(() => conversation.receive(bytes.subarray(-1)), error)
  },
})

const MIB = 2 ** 20
test(
  refused,
  'a query of more than 16 MiB',
  head(1, 16 * MIB + 1),
  /16777217 bytes is too long: `maxMessageBytes`/,
)
test(
  refused,
  'a query that uncompresses to more',
  head(1, 200_000, 16 * MIB + 1),
  /uncompressed message of 16777217 bytes is too long: `maxMessageBytes` is 16777216/,
)
test(
  refused,
  'a query that uncompresses to nothing',
  head(1, 100, 8),
  /uncompressed message of 8 bytes is too short/,
)
test(
  refused,
  'an update of more than 1 MiB',
  head(0, MIB + 1),
  /message that expects no reply of 1048577 bytes is too long: `maxUpdateBytes` is 1048576/,
)
test(
  refused,
  'an update that uncompresses to more',
  head(0, 20_000, MIB + 1),
  /uncompressed message that expects no reply of 1048577 bytes is too long/,
)
test(refused, 'an update beyond a bound', head(0, 101), /`maxUpdateBytes` is 100/, { maxUpdateBytes: 100 })
test(refused, 'an update beyond the bound of all messages', head(0, 101), /`maxMessageBytes` is 100/, {
  maxMessageBytes: 100,
})

test('messages at their bounds are received', (t) => {
  const value = new Uint8Array(MIB - 14)
  const update = encodeMessage(0, value, { compress: false, maxDepth: 1 }, 3)
  t.is(update.length, MIB)
  t.deepEqual(received(update), value)
  const packed = encodeMessage(0, value, { compress: true, maxDepth: 1 }, 3)
  t.true(packed.length < 20_000)
  t.deepEqual(received(packed), value)
  const options = { maxMessageBytes: 100, maxUpdateBytes: 50 }
  t.is(received(queryOf('x'.repeat(86)), opened(options)), 'x'.repeat(86))
})

test('nothing of what comes with a greeting that is refused is looked at, and nothing is kept', (t) => {
  const chunk = Buffer.concat([head(1, 16 * MIB), Buffer.alloc(MIB)])
  const before = process.memoryUsage().arrayBuffers
  const conversation = kdb({ authenticate: () => false }).open()
  const messages = conversation.receive(Buffer.concat([greeting(), head(3, 2 ** 32 - 1), framed('fd01')]))
  t.deepEqual(
    messages.map(({ kind }) => kind),
    ['refused'],
  )
  for (let i = 0; i < 100; i++) t.deepEqual(conversation.receive(chunk), [])
  const others = Array.from({ length: 100 }, () => {
    const one = kdb({ authenticate: () => false }).open()
    one.receive(greeting())
    one.receive(chunk)
    return one
  })
  t.is(others.length, 100)
  const kept = process.memoryUsage().arrayBuffers - before
  t.true(kept < 20 * MIB, `${kept} bytes`)
})

test('a client that has not greeted holds no more than a greeting', (t) => {
  const [part, most, more] = [1024, 4096, MIB].map((length) => Buffer.alloc(length, 'u')) as [
    Buffer,
    Buffer,
    Buffer,
  ]
  const before = process.memoryUsage().arrayBuffers
  const waiting = Array.from({ length: 1000 }, () => {
    const conversation = kdb().open()
    for (let i = 0; i < 4; i++) conversation.receive(part)
    t.throws(() => conversation.receive(more), { instanceOf: ProtocolError })
    const other = kdb().open()
    other.receive(most)
    return other
  })
  t.is(waiting.length, 1000)
  const kept = process.memoryUsage().arrayBuffers - before
  t.true(kept < 16 * MIB, `${kept} bytes`)
})

/** Bodies, with the number of items they count as. */
const counts = test.macro({
  title: (_, what: string) => `items of kdb+ are counted: ${what}`,
  exec(t, _: string, body: string, items: number) {
    t.notThrows(() => received(framed(hex(body)), opened({ maxItems: items })))
    if (items === 1) return
    t.throws(() => received(framed(hex(body)), opened({ maxItems: items - 1 })), {
      instanceOf: ProtocolError,
      message: new RegExp(`more than the ${items - 1} items`),
    })
  },
})

test(counts, 'an atom', 'ff01', 1)
test(counts, 'a text', '0a0003000000616263', 1)
test(counts, 'bytes', '0400030000000102ff', 4)
test(counts, 'a vector', '010003000000000100', 7)
test(counts, 'symbols without letters', '0b000400000000000000', 8)
test(counts, 'an empty list', '000000000000', 4)
test(counts, 'a list', '000002000000ff01ff01', 6)
test(counts, 'lists in a list', '000002000000000000000000000000000000', 12)
test(counts, 'a dict', '630b0002000000610062000600020000000200000003000000', 16)
test(counts, 'a table', '6200630b000100000061000000010000000600010000000200 0000', 14)
test(counts, 'a column of chars', '6200630b000100000061000000010000000a00020000002061', 15)
test(counts, 'a primitive', '6601', 4)
test(counts, 'a lambda', '64000a00050000007b782b797d', 4)
test(counts, 'a projection', '68020000006601ff01', 9)

test('an update has bounds of its own for items', (t) => {
  const [body, more] = [Buffer.alloc(6 + 262_140), Buffer.alloc(6 + 262_141)]
  for (const bytes of [body, more]) {
    bytes[0] = 1
    bytes.writeInt32LE(bytes.length - 6, 2)
  }
  const error = { instanceOf: ProtocolError, message: /more than the 262144 items/ }
  t.is((received(framed(body, { kind: 0 })) as unknown[]).length, 262_140)
  t.throws(() => received(framed(more, { kind: 0 })), error)
  t.is((received(framed(more)) as unknown[]).length, 262_141)
  t.throws(() => received(framed(hex('010003000000010100'), { kind: 0 }), opened({ maxItems: 6 })))
  t.throws(() => received(framed(hex('010003000000010100'), { kind: 0 }), opened({ maxUpdateItems: 6 })))
  const text = (kind: string) => `{"${kind}":[${'0,'.repeat(262_139)}0]}\n`
  t.is(lines(text('update')).length, 1)
  t.is(lines(text('query').replace('[', '[0,')).length, 1)
  t.throws(() => lines(text('update').replace('[', '[0,')), {
    instanceOf: ProtocolError,
    message: /`maxUpdateItems` is 262144/,
  })
  t.throws(() => lines('{"update":[1,2]}\n', { maxUpdateItems: 5 }), { message: /`maxUpdateItems` is 5/ })
})

test('items are counted before memory is taken for them', (t) => {
  // As many symbols as fit in a message.
  const body = Buffer.alloc(8 * MIB)
  body[0] = 11
  body.writeInt32LE(body.length - 6, 2)
  const before = process.memoryUsage().heapUsed
  t.throws(() => received(framed(body)), {
    instanceOf: ProtocolError,
    message: /more than the 4194304 items/,
  })
  t.true(process.memoryUsage().heapUsed - before < 8 * MIB)
})

test('the items of a line are counted', (t) => {
  const taken = (text: string, maxItems: number) => lines(`${text}\n`, { maxItems }).length
  for (const [text, items] of [
    ['{"query":[1,2,3]}', 7],
    ['{"query":{"a":1,"b":[]}}', 10],
    ['{"query":[[],[],{}],"id":1}', 19],
    ['{"query":["a,[b",",,\\",{"]}', 6],
  ] as const) {
    t.is(taken(text, items), 1)
    t.throws(() => taken(text, items - 1), { instanceOf: ProtocolError, message: /`maxItems` is/ }, text)
  }
  t.throws(() => lines(`{"query":[${'0,'.repeat(4 * MIB)}0]}\n`), {
    instanceOf: ProtocolError,
    message: /`maxItems` is 4194304/,
  })
})

test('an update is a line of bounded length of its own', (t) => {
  const text = (length: number) => `{"update":"${'x'.repeat(length - 13)}"}`
  t.is(lines(`${text(MIB)}\n`).length, 1)
  const error = {
    instanceOf: ProtocolError,
    message: /update of 1048577 bytes is too long: `maxUpdateBytes`/,
  }
  t.throws(() => lines(`${text(MIB + 1)}\n`), error)
  t.is(lines(`{"query":"${'x'.repeat(2 * MIB)}"}\n`).length, 1)
  t.throws(() => lines(`${text(51)}\n`, { maxUpdateBytes: 50 }), { message: /`maxUpdateBytes` is 50/ })
})

test('an id is short', (t) => {
  t.is(lines(`{"query":1,"id":"${'x'.repeat(1022)}"}\n`).length, 1)
  t.throws(() => lines(`{"query":1,"id":"${'x'.repeat(1023)}"}\n`), {
    instanceOf: ProtocolError,
    message: /id of more than 1024 bytes/,
  })
})

test('keys are found however they are written, and no key comes twice', (t) => {
  const [query, update] = lines(
    ' { "\\u0071uery" :\t[ 1 , {"id":"}"} ] , "id" : "a" } \n{"updat\\u0065":{"query":[{}]}}\n',
  )
  t.like(query, { kind: 'query', id: 'a' })
  t.deepEqual(read(query), [1, { id: '}' }])
  t.is(update?.kind, 'update')
  t.deepEqual(read(update), { query: [{}] })
  for (const text of ['{"query":1,"query":2}', '{"id":1,"query":1,"\\u0069d":2}']) {
    t.throws(() => lines(`${text}\n`), { instanceOf: ProtocolError, message: /the key .* twice/ }, text)
  }
  t.throws(() => lines(`{"${'q'.repeat(1000)}":1}\n`), { instanceOf: ProtocolError, message: /unknown key/ })
})

test('an outline is what JSON.parse finds, of any line', (t) => {
  let [taken, compared] = [0, 0]
  for (let index = 0; index < 20_000; index++) {
    const { bytes } = ndjsonSubject.sample(new Random(31, index))
    for (const text of bytes.toString().split('\n')) {
      const line = parsed(text)
      const outline = outlined(text)
      // Invalid JSON can have an outline. Every message has one that matches it.
      if (outline) taken++
      if (!line) continue
      const keys = Object.keys(line)
      const [kind, ...more] = ['query', 'update'].filter((key) => keys.includes(key))
      const known = keys.every((key) => ['query', 'update', 'id'].includes(key))
      const isMessage = kind && more.length === 0 && known && !(kind === 'update' && keys.includes('id'))
      if (!isMessage || outline === 'a key twice' || text.includes('__proto__')) continue
      compared++
      t.deepEqual(outline, { kind, id: line.id } as never, text)
    }
  }
  t.true(compared > 5000 && taken > compared, `${compared} of ${taken}`)
})

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function outlined(text: string) {
  try {
    return outlineOf(Buffer.from(text), UNBOUNDED)
  } catch (error) {
    if (!(error instanceof ErrorOfOutline)) throw error
    return /the key .* twice/.test(error.message) ? 'a key twice' : undefined
  }
}

/** Compressed bodies of zeros: groups of eight items, the first of which are bytes and the others references. */
function packedZeros(length: number, literals: number, more: number): Uint8Array {
  const groups: number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
  for (let left = length - 16; left > 0; ) {
    const items: number[] = []
    let flags = 0
    for (let bit = 0; bit < 8 && left > 0; bit++) {
      if (bit < literals || left < 2 + more) {
        items.push(0)
        left--
      } else {
        flags |= 1 << bit
        items.push(0, more)
        left -= 2 + more
      }
    }
    groups.push(flags, ...items)
  }
  return Uint8Array.from(groups)
}

for (const [literals, more] of [
  [0, 255],
  [0, 0],
  [4, 1],
  [8, 0],
] as const) {
  test(`to uncompress takes time in proportion to the length: ${literals} bytes in eight, ${more + 2} a reference`, (t) => {
    t.timeout(60_000)
    const time = (length: number) => {
      const packed = packedZeros(length, literals, more)
      return leastCpuMs(() => void t.is(uncompress(packed, length).length, length))
    }
    const [short, long] = [time(500_000), time(4_000_000)]
    t.true(long < 30 * Math.max(short, 1), `${short} ms, ${long} ms`)
  })
}

const option = test.macro({
  title: (_, what: string) => `refused as an option: ${what}`,
  exec(t, _: string, make: (options: never) => unknown, options: object, message: RegExp) {
    t.throws(() => make(options as never), { message })
  },
})

test(option, 'no items', kdb, { maxItems: 0 }, /`maxItems` to be a finite number of at least 1/)
test(
  option,
  'more items than V8 can hold',
  kdb,
  { maxItems: 2 ** 26 + 1 },
  /`maxItems` to be at most 67108864/,
)
test(option, 'updates of no length', kdb, { maxUpdateBytes: 0 }, /`maxUpdateBytes` to be a finite number/)
test(option, 'items of ndjson that are none', ndjson, { maxItems: '1' }, /`maxItems` to be a number/)
test(option, 'updates of half a byte', ndjson, { maxUpdateBytes: 1.5 }, /`maxUpdateBytes` to be an integer/)

test('options of ndjson that are undefined are left out', (t) => {
  t.is(
    ndjson({ maxItems: undefined } as unknown as NdjsonOptions)
      .open()
      .receive(Buffer.from('{"query":[1]}\n')).length,
    1,
  )
})
