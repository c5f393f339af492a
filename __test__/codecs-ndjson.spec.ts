import test from 'ava'
import { ProtocolError, QcloneError, type Query } from 'node-qclone'
import { type NdjsonOptions, ndjson } from 'node-qclone/ndjson'
import { cpuMs } from '../harness/cpu-time.js'
import { messagesIn, outcomeOf } from './helpers/kdb.js'

function receive(text: string | Uint8Array, options?: NdjsonOptions) {
  return messagesIn(typeof text === 'string' ? Buffer.from(text) : text, ndjson(options).open())
}

/** The query of one line. */
function query(line: string): Query {
  const [message] = receive(`${line}\n`)
  if (message?.kind !== 'query') throw new Error(`no query: ${line}`)
  return message
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const reply = (value: unknown, line = '{"query":0}') => text(ndjson().open().reply(query(line), value))
const fail = (error: unknown, line = '{"query":0}') => text(ndjson().open().fail(query(line), error))

test('its name is ndjson, and there is no greeting', (t) => {
  t.is(ndjson().name, 'ndjson')
  t.true(ndjson().open().established)
})

test('lines are queries and updates', (t) => {
  t.deepEqual(receive('{"query":[1,"é"]}\n{"update":{"a":null}}\r\n\n\r\n{"query":null,"id":"x"}\n'), [
    { kind: 'query', value: [1, 'é'] },
    { kind: 'update', value: { a: null } },
    { kind: 'query', value: null, id: 'x' } as never,
  ])
})

test('a line is one however its bytes are cut', (t) => {
  const stream = Buffer.from('{"query":"é\u{1f600}","id":[1]}\r\n\n{"update":"\\n"}\n{"query":2}')
  const whole = outcomeOf(ndjson().open(), [stream])
  t.is(whole.messages.length, 2)
  for (let size = 1; size < stream.length; size++) {
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
      stream.subarray(i * size, (i + 1) * size),
    )
    const conversation = ndjson().open()
    t.deepEqual(outcomeOf(conversation, chunks), whole, `chunks of ${size}`)
    t.deepEqual(messagesIn(Buffer.from('\n'), conversation), [{ kind: 'query', value: 2 }])
  }
})

test('what was whole before a fault is told with it, however the bytes are cut', (t) => {
  const stream = Buffer.from('{"query":1}\n{"update":2}\n{"other":3}\n{"query":4}\n')
  const whole = outcomeOf(ndjson().open(), [stream])
  t.is(whole.messages.length, 2)
  t.regex(whole.error ?? '', /"other"/)
  for (let cut = 1; cut < stream.length; cut++) {
    t.deepEqual(outcomeOf(ndjson().open(), [stream.subarray(0, cut), stream.subarray(cut)]), whole)
  }
})

test('after a fault the conversation is over', (t) => {
  const conversation = ndjson().open()
  t.throws(() => conversation.receive(Buffer.from('x\n')), { instanceOf: ProtocolError })
  t.false(conversation.established)
  t.throws(() => conversation.receive(Buffer.from('{"query":1}\n')), {
    instanceOf: ProtocolError,
    message: /is over/,
  })
})

const refused = test.macro({
  title: (_, line: string | Uint8Array) => `refused: ${String(line).slice(0, 60)}`,
  exec(t, line: string | Uint8Array, message: RegExp, options?: NdjsonOptions) {
    const bytes = Buffer.concat([Buffer.from(line), Buffer.from('\n')])
    t.throws(() => receive(bytes, options), { instanceOf: ProtocolError, message })
  },
})

test(refused, 'no JSON', /not a JSON object/)
test(refused, ' ', /not a JSON object/)
test(refused, '{"query":1', /not JSON/)
test(refused, '{"query":1}{"query":2}', /not JSON/)
test(refused, '\ufeff{"query":1}', /not a JSON object/)
test(refused, '5', /not a JSON object/)
test(refused, 'null', /not a JSON object/)
test(refused, '[{"query":1}]', /not a JSON object/)
test(refused, '{"query":x}', /not JSON: /)
test(refused, '{"query":1,}', /lacks a key/)
test(refused, '{query:1}', /lacks a key/)
test(refused, '{"query" 1}', /lacks a colon/)
test(refused, '{"query"', /lacks a colon/)
test(refused, '{"query', /lacks a colon/)
test(refused, '{"query":1]', /brackets do not match/)
test(refused, '{"query":[1}}', /not JSON: /)
test(refused, '{"query":"}', /ends too early/)
test(refused, '{}', /must be either a query or an update/)
test(refused, '{"id":1}', /must be either a query or an update/)
test(refused, '{"query":1,"update":2}', /must be either a query or an update/)
test(refused, '{"update":1,"id":2}', /An update must not have an id/)
test(refused, '{"query":1,"extra":2}', /unknown key: "extra"/)
test(refused, Buffer.from('{"\xff":1}', 'latin1'), /not UTF-8/)
test(refused, Buffer.from('{"query":1,"id":"\xff"}', 'latin1'), /not UTF-8/)
test(refused, Buffer.from('{"query":"é"}', 'latin1'), /not UTF-8/)
test(refused, '{"query":{"__proto__":{"admin":true}}}', /__proto__/)
test(refused, '{"__proto__":{"query":1}}', /__proto__/)
test(refused, '{"query":{"\\u005f_pr\\u006Fto_\\u005F" : 1}}', /__proto__/)

test('what only looks like a key of __proto__ is none', (t) => {
  const value = { text: '{"__proto__":1}', __PROTO__: 1, list: ['__proto__'], ___proto__: 2 }
  t.deepEqual(receive(`${JSON.stringify({ query: value })}\n`), [{ kind: 'query', value }])
})

test('a key that every object inherits is none of a line', (t) => {
  t.throws(() => receive('{"toString":1}\n'), { instanceOf: ProtocolError, message: /"toString"/ })
  t.deepEqual(receive('{"query":{"constructor":1,"toString":2}}\n'), [
    { kind: 'query', value: { constructor: 1, toString: 2 } } as never,
  ])
})

test('a line is of bounded length', (t) => {
  const error = { instanceOf: ProtocolError, message: /more than 20 bytes is too long/ }
  const options = { maxMessageBytes: 20 }
  const line = '{"query":"aaaaaaaa"}'
  t.is(line.length, 20)
  t.is(receive(`${line}\n${line}\n`, options).length, 2)
  t.throws(() => receive(`${line} \n`, options), error)
  const conversation = ndjson(options).open()
  t.deepEqual(conversation.receive(Buffer.from(line)), [])
  t.throws(() => conversation.receive(Buffer.from(' ')), error)
  t.throws(() => receive(Buffer.alloc((16 << 20) + 1, ' ')), {
    instanceOf: ProtocolError,
    message: /16777216/,
  })
})

test('values are nested as deep as is allowed, and no deeper', (t) => {
  const nested = (depth: number) => `{"query":${'['.repeat(depth)}${']'.repeat(depth)}}\n`
  t.is(receive(nested(128)).length, 1)
  const error = { instanceOf: ProtocolError, message: /nested too deep/ }
  t.throws(() => receive(nested(129)), error)
  t.throws(() => receive(nested(3), { maxDepth: 2 }), error)
  t.throws(() => receive(`{"query":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}\n`), error)
  t.throws(() => receive(`{"query":${'['.repeat(1 << 20)}\n`), error)
  t.is(receive(`{"query":"${'['.repeat(200)}\\"${'['.repeat(200)}\\\\"}\n`).length, 1)
  t.is(receive(`{"query":[${Array(500).fill('[]')}]}\n`, { maxDepth: 2 }).length, 1)
})

test('a line that comes byte by byte takes time in proportion to its length', (t) => {
  t.timeout(60_000)
  const time = (length: number) => {
    const conversation = ndjson().open()
    return cpuMs(() => {
      for (let i = 0; i < length; i++) conversation.receive(SPACE)
      t.is(conversation.receive(Buffer.from('{"query":1}\n')).length, 1)
    })
  }
  const SPACE = Buffer.from(' ')
  time(50_000)
  const [short, long] = [time(100_000), time(800_000)]
  t.true(long < 30 * short, `${short} ms, ${long} ms`)
})

test('a reply has the id of its query, and none when that had none', (t) => {
  t.is(reply([1]), '{"result":[1]}\n')
  t.is(reply('é\n', '{"query":0,"id":7}'), '{"id":7,"result":"é\\n"}\n')
  t.is(reply(1, '{"query":0,"id":null}'), '{"id":null,"result":1}\n')
  t.is(reply(1, '{"query":0,"id":{"a":[]}}'), '{"id":{"a":[]},"result":1}\n')
})

test('a reply says what JSON says', (t) => {
  t.is(reply(undefined), '{"result":null}\n')
  t.is(
    reply({ at: new Date(0), no: undefined, nan: Number.NaN }),
    '{"result":{"at":"1970-01-01T00:00:00.000Z","nan":null}}\n',
  )
})

const cannot = test.macro({
  title: (_, what: string) => `cannot be sent: ${what}`,
  exec(t, _: string, value: unknown, path: string, message: RegExp) {
    const error = t.throws(() => reply(value), { instanceOf: QcloneError })
    t.is(error.code, 'ERR_QCLONE_UNSERIALIZABLE')
    t.is(error.path, path)
    t.regex(error.message, message)
    t.true(error.cause instanceof Error)
  },
})

const ring: Record<string, unknown> = {}
ring.rows = [1, { ring }]
const deep = Array.from({ length: 100_000 }).reduce((inner) => [inner], 1)

test(cannot, 'a bigint', 1n, 'value', /no bigint/)
test(cannot, 'a bigint in a value', { rows: [1, { 'a b': 1n }] }, 'value.rows[1]["a b"]', /no bigint/)
test(cannot, 'a ring', ring, 'value.rows[1].ring', /contains itself/)
test(cannot, 'a function', () => {}, 'value', /a function/)
test(cannot, 'a JavaScript symbol', Symbol('x'), 'value', /a symbol/)
test(cannot, 'what makes itself nothing', { toJSON() {} }, 'value', /`toJSON` returns nothing/)
test(cannot, 'what makes itself a function', { toJSON: () => () => {} }, 'value', /`toJSON` returns nothing/)
test(
  cannot,
  'what cannot be made JSON',
  {
    toJSON() {
      throw new Error('not now')
    },
  },
  'value',
  /not now/,
)
test(
  cannot,
  'what a getter throws',
  {
    get a() {
      throw new Error('not now')
    },
  },
  'value',
  /not now/,
)
// Node 26 serializes JSON without recursion, and so can send it.
if (Number.parseInt(process.versions.node, 10) < 26) {
  test(cannot, 'what is too deep for the stack', deep, 'value', /stack/)
} else {
  test('what is deeper than a stack can be sent', (t) => {
    t.is(reply(deep).length, '{"result":1}\n'.length + 2 * 100_000)
  })
}

test('a query fails with name, message and code', (t) => {
  t.is(fail(new TypeError('x')), '{"error":{"name":"TypeError","message":"x"}}\n')
  const error = new QcloneError('ERR_QCLONE_QUEUE_FULL', 'busy')
  t.is(
    fail(error, '{"query":0,"id":7}'),
    '{"id":7,"error":{"name":"QcloneError","message":"busy","code":"ERR_QCLONE_QUEUE_FULL"}}\n',
  )
  t.is(
    fail(Object.assign(new Error('x'), { code: 5 })),
    '{"error":{"name":"Error","message":"x","code":5}}\n',
  )
  t.is(fail(Object.assign(new Error('x'), { code: {} })), '{"error":{"name":"Error","message":"x"}}\n')
})

test('of an error that is long only the beginning is told', (t) => {
  const long = 'x'.repeat(1 << 20)
  const error = Object.assign(new Error(long), { code: long, name: long })
  const told = JSON.parse(fail(error)).error
  t.deepEqual(
    [told.message, told.code, told.name].map((text) => text.length),
    [1 << 16, 1 << 16, 1 << 16],
  )
})

test('a query fails as what was thrown, whatever that is', (t) => {
  const message = (error: unknown) => JSON.parse(fail(error)).error
  t.deepEqual(message('text'), { name: 'Error', message: 'text' })
  t.deepEqual(message(undefined), { name: 'Error', message: 'undefined' })
  t.deepEqual(message(null), { name: 'Error', message: 'null' })
  t.deepEqual(message({ name: 'x', code: 'E' }), { name: 'Error', message: '[object Object]', code: 'E' })
  t.deepEqual(message(Object.create(null)), { name: 'Error', message: 'an error that cannot be read' })
  const hostile = Object.defineProperty(new Error('x'), 'message', {
    get() {
      throw new Error('y')
    },
  })
  t.deepEqual(message(hostile), { name: 'Error', message: 'an error that cannot be read' })
  t.deepEqual(
    message(
      Object.defineProperty(new Error('x'), 'code', {
        get() {
          throw new Error('y')
        },
      }),
    ),
    { name: 'Error', message: 'x' },
  )
  t.deepEqual(message(Object.assign(new Error('x'), { name: 5 })), { name: 'Error', message: 'x' })
})

const option = test.macro({
  title: (_, what: string) => `ndjson refuses ${what}`,
  exec(t, _: string, options: unknown, instanceOf: ErrorConstructor, message: RegExp) {
    t.throws(() => ndjson(options as NdjsonOptions), { instanceOf, message })
  },
})

test(option, 'what are no options', null, TypeError, /the options to be an object/)
test(
  option,
  'an unknown option',
  { maxBytes: 1 },
  TypeError,
  /among maxMessageBytes, maxUpdateBytes, maxItems, maxUpdateItems, maxDepth, got `maxBytes`/,
)
test(option, 'a bound that is no number', { maxDepth: '1' }, TypeError, /`maxDepth` to be a number/)
test(option, 'a bound of nothing', { maxMessageBytes: 0 }, RangeError, /at least 1/)
test(option, 'a bound without end', { maxMessageBytes: Infinity }, RangeError, /a finite number/)
test(option, 'a bound that is not whole', { maxDepth: 1.5 }, RangeError, /an integer/)
