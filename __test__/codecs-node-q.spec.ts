import { createRequire } from 'node:module'
import test from 'ava'
import { kdb, q } from 'node-qclone/kdb'
import { opened, QUERY, received, record } from './helpers/kdb.js'

/** What the client has inside: not part of what it offers, and so without types. */
interface Inside {
  deserialize(message: Buffer, nanos2date?: boolean, flipTables?: boolean): unknown
  serialize(value: unknown): Buffer
}
type Makers = Record<string, (value: unknown) => unknown>

const require = createRequire(import.meta.url)
const { deserialize, serialize } = require('node-q/lib/c.js') as Inside
const typed = require('node-q/lib/typed.js') as Makers
const Long = createRequire(require.resolve('node-q'))('long') as { fromString(text: string): unknown }
const make = (type: string, value: unknown) => (typed[type] as (value: unknown) => unknown)(value)

const reads = test.macro({
  title: (_, what: string) => `node-q reads ${what}`,
  exec(t, _: string, value: unknown, expected: unknown) {
    t.deepEqual(deserialize(Buffer.from(opened().reply(QUERY, value))), expected)
  },
})

const date = new Date('2026-01-31T12:34:56.789Z')
const day = new Date('2026-01-31T00:00:00.000Z')
const guid = '8c680a01-5a49-5aab-5a65-d4bfddb6a661'

test(reads, 'a boolean', true, true)
test(reads, 'a long', -5, -5)
test(reads, 'a long beyond 32 bits', 2 ** 40 + 1, 2 ** 40 + 1)
test(reads, 'a float', 1.5, 1.5)
test(reads, 'a string', 'é', 'é')
test(reads, 'null', null, null)
test(reads, 'a Date', date, date)
test(reads, 'a guid', q.guid(guid), guid)
test(reads, 'a byte', q.byte(255), 255)
test(reads, 'a short', q.short(-234), -234)
test(reads, 'an int', q.int(5), 5)
test(reads, 'a real', q.real(5.5), 5.5)
test(reads, 'a char', q.char('x'), 'x')
test(reads, 'a symbol', q.symbol('é'), 'é')
test(reads, 'a timestamp', q.timestamp(date), date)
test(reads, 'a date', q.date(date), day)
test(reads, 'a datetime', q.datetime(day), day)
test(reads, 'a timespan', q.timespan(3_600_000_000_000n), new Date(3_600_000 + Date.UTC(2000, 0)))
test(reads, 'a minute', q.minute(60), new Date(3_600_000 + Date.UTC(2000, 0)))
test(reads, 'a second', q.second(60), new Date(60_000 + Date.UTC(2000, 0)))
test(reads, 'a time', q.time(60), new Date(60 + Date.UTC(2000, 0)))
test(reads, 'a month', q.month(12), new Date(Date.UTC(2001, 0)))
for (const type of [
  'short',
  'int',
  'long',
  'real',
  'float',
  'symbol',
  'guid',
  'timestamp',
  'date',
  'time',
] as const) {
  test(reads, `a ${type} that is null`, q[type](null), null)
}
for (const type of ['short', 'int', 'long', 'real', 'float'] as const) {
  test(reads, `a ${type} that is infinite`, q.list(type, [Infinity, -Infinity]), [Infinity, -Infinity])
}
test(reads, 'booleans', [true, false], [true, false])
test(reads, 'longs and null', [1, null], [1, null])
test(reads, 'floats', [1, 2.5], [1, 2.5])
test(reads, 'strings', ['a', 'bc'], ['a', 'bc'])
test(reads, 'symbols', q.symbols(['a', 'bc']), ['a', 'bc'])
test(reads, 'bytes', Uint8Array.of(1, 255), [1, 255])
test(reads, 'guids', q.list('guid', [guid, null]), [guid, null])
test(reads, 'Dates', [date, null], [date, null])
test(reads, 'a Float32Array', Float32Array.of(1.5, 2), [1.5, 2])
test(reads, 'a list', [1, 'a', [true]], [1, 'a', [true]])
test(reads, 'an object', { a: 1, b: 'x' }, { a: 1, b: 'x' })
test(reads, 'a Map', new Map([[1, 'x']]), { 1: 'x' })
test(
  reads,
  'rows',
  [
    { a: 1, b: 'x' },
    { a: 2, b: 'y' },
  ],
  [
    { a: 1, b: 'x' },
    { a: 2, b: 'y' },
  ],
)
test(reads, 'a table', q.table({ a: q.symbols(['x', 'y']), b: Int32Array.of(1, 2) }), [
  { a: 'x', b: 1 },
  { a: 'y', b: 2 },
])
test(reads, 'a keyed table', q.keyed({ a: [1] }, { b: [2] }), [[{ a: 1 }], [{ b: 2 }]])
test('node-q reads what is compressed', (t) => {
  const value = Array.from({ length: 5000 }, (_, i) => ({ sym: `s${i % 7}`, size: i % 100, price: i / 4 }))
  const message = Buffer.from(opened({ compress: true }).reply(QUERY, value))
  t.is(message[2], 1)
  t.deepEqual(deserialize(message), value)
})

test('node-q reads an error', (t) => {
  t.throws(() => deserialize(Buffer.from(opened().fail(QUERY, new Error('length')))), { message: 'length' })
})

const sends = test.macro({
  title: (_, what: string) => `of node-q comes ${what}`,
  exec(t, _: string, value: unknown, expected: unknown) {
    t.deepEqual(received(serialize(value)), expected)
  },
})

test(sends, 'a boolean', true, true)
test(sends, 'a float', 1.5, 1.5)
test(sends, 'a string', 'é', 'é')
test(sends, 'a string as a symbol', '`é', 'é')
test(sends, 'null', null, null)
test(sends, 'a Date', date, q.datetime(date))
test(sends, 'a list', ['f', 1, true, [null]], ['f', 1, true, [null]])
test(sends, 'a vector of floats', [1, 2.5], [1, 2.5])
test(sends, 'an object', { a: 1, b: 'x' }, record({ a: 1, b: 'x' }))
test(sends, 'a guid', make('guid', guid), guid)
test(sends, 'a byte', make('byte', 5), 5)
test(sends, 'a short', make('short', -5), -5)
test(sends, 'an int', make('int', 5), 5)
test(sends, 'a long', make('long', Long.fromString('9007199254740993')), 9007199254740993n)
test(sends, 'a real', make('real', 5.5), 5.5)
test(sends, 'a char', make('char', 'x'), 'x')
// Of later ones it loses nanoseconds, as it reckons with doubles.
const early = new Date('2000-01-02T00:00:00.001Z')
test(sends, 'a timestamp', make('timestamp', early), q.timestamp(early))
test(sends, 'a month', make('month', date), q.month(date))
test(sends, 'a date', make('date', day), q.date(day))
test(sends, 'a timespan', make('timespan', new Date(60_000)), q.timespan(60_000_000_000n))
test(sends, 'a minute', make('minute', new Date(3_600_000)), q.minute(60))
test(sends, 'a second', make('second', new Date(60_000)), q.second(60))
test(sends, 'a time', make('time', new Date(60)), q.time(60))
for (const type of [
  'short',
  'int',
  'long',
  'real',
  'float',
  'guid',
  'timestamp',
  'month',
  'date',
  'datetime',
  'timespan',
  'minute',
  'second',
  'time',
]) {
  test(sends, `a ${type} that is null`, make(type, null), null)
}
test(sends, 'shorts', make('shorts', [1, -1]), [1, -1])
test(sends, 'symbols', make('symbols', ['a', 'b']), ['a', 'b'])
test(sends, 'timestamps', make('timestamps', [early]), [q.timestamp(early)])

test('the greeting of node-q is one', (t) => {
  const conversation = kdb({ authenticate: (user, password) => user === 'u' && password === 'p' }).open()
  t.deepEqual(conversation.receive(Buffer.from('u:p\x03\0')), [{ kind: 'send', bytes: Uint8Array.of(3) }])
})
