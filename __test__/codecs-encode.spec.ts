import { isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { QcloneError } from 'node-qclone'
import {
  type QColumn,
  QDict,
  QFunction,
  QKeyedTable,
  type QRow,
  QTable,
  type QTemporal,
  q,
} from 'node-qclone/kdb'
import { KdbValues } from '../harness/messages/kdb-values.js'
import { Sink } from '../harness/messages/sink.js'
import { Random } from '../harness/random.js'
import { bodyOf, decoded, hex, opened, QUERY, record, roundTrip } from './helpers/kdb.js'

/** Bytes as kdb+ 3 would write them. */
const becomes = test.macro({
  title: (_, text: string) => `is sent as kdb+ would: ${text}`,
  exec(t, _: string, value: unknown, body: string) {
    t.is(bodyOf(value), body.replaceAll(' ', ''))
  },
})

test(becomes, 'a boolean', true, 'ff01')
test(becomes, 'a whole number, as a long', 1, 'f90100000000000000')
test(becomes, 'a whole number below zero', -2, 'f9feffffffffffffff')
test(becomes, 'the highest safe number', Number.MAX_SAFE_INTEGER, 'f9ffffffffffff1f00')
test(becomes, 'the lowest safe number', Number.MIN_SAFE_INTEGER, 'f9010000000000e0ff')
test(becomes, 'a number, as a float', 3.234, 'f7ac1c5a643bdf0940')
test(becomes, 'a number that is not safe', 2 ** 53, 'f70000000000004043')
test(becomes, 'NaN, as a null', Number.NaN, 'f7000000000000f87f')
test(becomes, 'Infinity', -Infinity, 'f7000000000000f0ff')
test(becomes, 'a bigint, as a long', 89421099511627575n, 'f937bfd02704b03d01')
test(becomes, 'the highest bigint', 2n ** 63n - 2n, 'f9feffffffffffff7f')
test(becomes, 'a string', 'abc', '0a0003000000616263')
test(becomes, 'a string with what is not ASCII', 'é\0', '0a0003000000c3a900')
test(becomes, 'null', null, '6500')
test(becomes, 'undefined', undefined, '6500')
test(becomes, 'a Date, as a timestamp', new Date('2000-01-04T05:36:57.600Z'), 'f400c0cafa20fe0000')
test(becomes, 'a Date before 2000', new Date('1999-12-31T23:59:59.999Z'), 'f4c0bdf0ffffffffff')
test(becomes, 'an invalid Date, as a null', new Date(Number.NaN), 'f40000000000000080')

test(becomes, 'no items', [], '000000000000')
test(becomes, 'booleans', [true, false], '010002000000 0100')
test(becomes, 'whole numbers', [1, 2], '070002000000 0100000000000000 0200000000000000')
test(becomes, 'whole numbers and null', [1, null], '070002000000 0100000000000000 0000000000000080')
test(becomes, 'whole numbers and bigints', [2n, 1], '070002000000 0200000000000000 0100000000000000')
test(becomes, 'numbers, one of them not whole', [1, 3.5], '090002000000 000000000000f03f 0000000000000c40')
test(becomes, 'numbers and undefined', [undefined, 3.5], '090002000000 000000000000f87f 0000000000000c40')
test(becomes, 'strings', ['a', ''], '000002000000 0a000100000061 0a0000000000')
test(
  becomes,
  'Dates and null',
  [new Date('2000-01-04T05:36:57.600Z'), null],
  '0c0002000000 00c0cafa20fe0000 0000000000000080',
)
test(
  becomes,
  'what is of many kinds',
  [1, 'a', true, null],
  '000004000000 f90100000000000000 0a000100000061 ff01 6500',
)
test(becomes, 'numbers and booleans', [1, true], '000002000000 f90100000000000000 ff01')
test(becomes, 'booleans and null', [true, null], '000002000000 ff01 6500')
test(becomes, 'bigints and fractions', [1n, 1.5], '000002000000 f90100000000000000 f7000000000000f83f')
test(becomes, 'nulls', [null, undefined], '000002000000 6500 6500')
test(becomes, 'lists', [[1], [true]], '000002000000 070001000000 0100000000000000 010001000000 01')
test(becomes, 'a hole in a list', new Array(1), '000001000000 6500')

test(becomes, 'a Buffer', Buffer.of(1, 2, 255), '0400030000000102ff')
test(becomes, 'a part of a Uint8Array', Uint8Array.of(9, 1, 2).subarray(1), '0400020000000102')
test(becomes, 'an Int16Array', Int16Array.of(1, -32768, 3), '050003000000010000800300')
test(becomes, 'an Int32Array', Int32Array.of(1, 2), '0600020000000100000002000000')
test(becomes, 'a BigInt64Array', BigInt64Array.of(1n), '0700010000000100000000000000')
test(becomes, 'a Float32Array', Float32Array.of(5.5, Number.NaN), '0800020000000000b0400000c07f')
test(becomes, 'a Float64Array', Float64Array.of(3.23), '090001000000d7a3703d0ad70940')
test(becomes, 'an empty Float64Array', new Float64Array(), '090000000000')

test(
  becomes,
  'an object',
  { a: 2, b: 3 },
  '630b00020000006100620007000200000002000000000000000300000000000000',
)
test(
  becomes,
  'an object of many kinds',
  { x: 1, y: 1.5 },
  '630b00020000007800790000000200 0000 f90100000000000000 f7000000000000f83f',
)
test(becomes, 'an object of strings', { x: 'a' }, '630b00010000007800 000001000000 0a000100000061')
test(becomes, 'an object without properties', {}, '630b0000000000 000000000000')
test(becomes, 'an object without a prototype', record({ a: true }), '630b00010000006100 010001000000 01')
test(becomes, 'a Map of names', new Map([['a', 2]]), '630b00010000006100 070001000000 0200000000000000')
test(becomes, 'a Map of numbers', new Map([[1, true]]), '63 070001000000 0100000000000000 010001000000 01')
test(becomes, 'a Map that is empty', new Map(), '63 000000000000 000000000000')

const TABLE =
  '6200 63 0b0002000000 6100 6200 000002000000 070001000000 0200000000000000 070001000000 0300000000000000'
test(becomes, 'rows', [{ a: 2, b: 3 }], TABLE)
test(
  becomes,
  'rows with keys in another order',
  [
    { a: 1, b: 1 },
    { b: 2, a: 2 },
  ],
  '6200 63 0b0002000000 6100 6200 000002000000 070002000000 0100000000000000 0200000000000000 070002000000 0100000000000000 0200000000000000',
)
test(becomes, 'a table of columns', q.table({ a: [2], b: [3] }), TABLE)
test(
  becomes,
  'a table of exact columns',
  q.table({ a: q.list('int', [2]), b: Int32Array.of(3) }),
  '6200630b0002000000610062000000020000000600010000000200000006000100000003000000',
)
test(
  becomes,
  'a table with a column of text',
  q.table({ a: 'xé' }),
  '6200 63 0b00010000006100 000001000000 0a000200000078e9',
)
test(
  becomes,
  'objects that are no rows',
  [{ a: 1 }, { b: 1 }],
  '000002000000 630b00010000006100 070001000000 0100000000000000 630b00010000006200 070001000000 0100000000000000',
)
test(
  becomes,
  'a row and null',
  [{ a: 1 }, null],
  '000002000000 630b00010000006100 070001000000 0100000000000000 6500',
)
test(becomes, 'objects with nothing in them', [{}], '000001000000 630b0000000000 000000000000')
const KEYED =
  '63 6200630b00010000006100000001000000060001000000020000006200630b0001000000620000000100000006000100000003000000'
test(becomes, 'a keyed table', q.keyed({ a: Int32Array.of(2) }, { b: Int32Array.of(3) }), KEYED)
test(becomes, 'a Map of rows to rows', new Map([[{ a: q.int(2) }, { b: q.int(3) }]]), KEYED)
test(
  becomes,
  'a dict of lists',
  q.dict(q.list('int', [1]), ['x']),
  '63 060001000000 01000000 000001000000 0a000100000078',
)

test(becomes, 'q.boolean', q.boolean(false), 'ff00')
test(becomes, 'q.guid', q.guid('8C680A01-5a49-5aab-5a65-d4bfddb6a661'), 'fe8c680a015a495aab5a65d4bfddb6a661')
test(becomes, 'q.guid of null', q.guid(null), 'fe00000000000000000000000000000000')
test(becomes, 'q.byte', q.byte(0xff), 'fcff')
test(becomes, 'q.short', q.short(-234), 'fb16ff')
test(becomes, 'q.short of null', q.short(null), 'fb0080')
test(becomes, 'q.int', q.int(1), 'fa01000000')
test(becomes, 'q.int of Infinity', q.int(Infinity), 'faffffff7f')
test(becomes, 'q.int of -Infinity', q.int(-Infinity), 'fa01000080')
test(becomes, 'q.int of null', q.int(null), 'fa00000080')
test(becomes, 'q.long', q.long(1), 'f90100000000000000')
test(becomes, 'q.long of null', q.long(null), 'f90000000000000080')
test(becomes, 'q.long of Infinity', q.long(Infinity), 'f9ffffffffffffff7f')
test(becomes, 'q.long of -Infinity', q.long(-Infinity), 'f90100000000000080')
test(becomes, 'q.real', q.real(5.5), 'f80000b040')
test(becomes, 'q.real of null', q.real(null), 'f80000c07f')
test(becomes, 'q.float', q.float(1), 'f7000000000000f03f')
test(becomes, 'q.char', q.char('0'), 'f630')
test(becomes, 'q.char of null', q.char(null), 'f620')
test(becomes, 'q.symbol', q.symbol('abc'), 'f561626300')
test(becomes, 'q.symbol of null', q.symbol(null), 'f500')
test(becomes, 'q.timestamp', q.timestamp(279417600000000n), 'f400c0cafa20fe0000')
test(
  becomes,
  'q.timestamp of a Date',
  q.timestamp(new Date('2000-01-04T05:36:57.600Z')),
  'f400c0cafa20fe0000',
)
test(becomes, 'q.timestamp of null', q.timestamp(null), 'f40000000000000080')
test(becomes, 'q.month', q.month(12), 'f30c000000')
test(becomes, 'q.month of a Date', q.month(new Date('2001-01-31')), 'f30c000000')
test(becomes, 'q.date', q.date(366), 'f26e010000')
test(becomes, 'q.date of a Date', q.date(new Date('2001-01-01T23:59Z')), 'f26e010000')
test(becomes, 'q.date of a Date before 2000', q.date(new Date('1999-12-31T23:59Z')), 'f2ffffffff')
test(becomes, 'q.date of null', q.date(null), 'f200000080')
test(becomes, 'q.datetime', q.datetime(3.234), 'f1ac1c5a643bdf0940')
test(becomes, 'q.datetime of a Date', q.datetime(new Date('2000-01-02T12:00Z')), 'f1000000000000f83f')
test(becomes, 'q.timespan', q.timespan(20217600000000n), 'f000c0dd4663120000')
test(becomes, 'q.minute', q.minute(721), 'efd1020000')
test(becomes, 'q.second', q.second(43500), 'eeeca90000')
test(becomes, 'q.time', q.time(43499123), 'ed73be9702')
test(becomes, 'q.symbols', q.symbols(['a', null]), '0b0002000000610000')
test(becomes, 'q.list of any', q.list('any', [1, 2]), '000002000000 f90100000000000000 f90200000000000000')
test(becomes, 'q.list of chars', q.list('char', 'aé'), '0a000200000061e9')
test(
  becomes,
  'q.list of Dates',
  q.list('date', [new Date('2001-01-01'), null]),
  '0e0002000000 6e010000 00000080',
)
test(becomes, 'q.lambda', q.lambda('{x+y}', 'd'), '6464000a00050000007b782b797d')
test(
  becomes,
  'atoms of one type, as a vector',
  [q.int(1), null, q.int(2)],
  '060003000000 01000000 00000080 02000000',
)
test(becomes, 'atoms of many types', [q.int(1), q.short(1)], '000002000000 fa01000000 fb0100')
test(
  becomes,
  'an atom and what it is naturally',
  [q.long(Infinity), 1],
  '070002000000 ffffffffffffff7f 0100000000000000',
)
test(becomes, 'temporals of one type', [q.date(366), null], '0e0002000000 6e010000 00000080')
test(
  becomes,
  'timestamps and Dates',
  [q.timestamp(1n), new Date(946684800000)],
  '0c0002000000 0100000000000000 0000000000000000',
)

test('whatever is decoded can be sent, and is the same when decoded again', (t) => {
  for (let index = 0; index < 3000; index++) {
    const sink = new Sink()
    new KdbValues(new Random(7, index), sink).value(4)
    const value = decoded(sink.copy())
    const [actual, expected] = [settled(roundTrip(value)), settled(value)]
    if (!isDeepStrictEqual(actual, expected)) t.deepEqual(actual, expected, `value ${index}`)
  }
  t.pass()
})

/** Decoded value after the changes that sending makes: rows become a table, and integers lose the sign of zero. */
function settled(value: unknown): unknown {
  if (typeof value === 'number') return value + 0
  if (Array.isArray(value)) {
    const list = value.map(settled)
    const [first] = list
    const names = isNamed(first) ? Object.keys(first) : []
    const areRows = list.every((row) => isNamed(row) && isDeepStrictEqual(Object.keys(row), names))
    if (names.length === 0 || !areRows) return list
    return new QTable(
      Object.fromEntries(
        names.map((name) => [name, settled(list.map((row) => (row as QRow)[name])) as QColumn]),
      ),
    )
  }
  if (value instanceof QDict) {
    return new QDict(settled(value.keys) as QColumn, settled(value.values) as QColumn)
  }
  if (value instanceof QTable) {
    const columns = Object.entries(value.columns).map(
      ([name, column]) => [name, settled(column) as QColumn] as const,
    )
    return new QTable(Object.fromEntries(columns))
  }
  if (value instanceof QKeyedTable) {
    return new QKeyedTable(settled(value.keys) as QTable, settled(value.values) as QTable)
  }
  if (value instanceof QFunction && 'parts' in value.is) {
    return new QFunction({ ...value.is, parts: value.is.parts.map(settled) })
  }
  if (!isNamed(value)) return value
  return record(Object.fromEntries(Object.entries(value).map(([name, item]) => [name, settled(item)])))
}

function isNamed(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null
}

test('an instance of a class is an object of its properties', (t) => {
  class Trade {
    readonly size = 5
    get price() {
      return 1
    }
  }
  t.deepEqual(roundTrip(new Trade()), record({ size: 5 }))
  t.deepEqual(roundTrip(runInNewContext('({ a: [1, { b: 2 }] })')), record({ a: [1, record({ b: 2 })] }))
})

test('an error as the whole reply is an error', (t) => {
  t.is(bodyOf(new TypeError('type')), '807479706500')
})

const cannot = test.macro({
  title: (_, what: string) => `cannot be sent: ${what}`,
  exec(t, _: string, value: unknown, path: string, message: RegExp, capability?: number) {
    const error = t.throws(() => opened({}, capability ?? 3).reply(QUERY, value), { instanceOf: QcloneError })
    t.is(error.code, 'ERR_QCLONE_UNSERIALIZABLE')
    t.is(error.path, path)
    t.regex(error.message, message)
  },
})

const ring: Record<string, unknown> = { list: [1, {}] }
;(ring.list as unknown[])[1] = { back: ring }

test(cannot, 'a function', () => {}, 'value', /it is a function/)
test(cannot, 'a JavaScript symbol', Symbol('x'), 'value', /it is a symbol/)
test(
  cannot,
  'a function in an object',
  { a: [{ b: test }] },
  'value.a[0].b',
  /^value\.a\[0\]\.b cannot be sent: it is a function/,
)
test(cannot, 'a ring', ring, 'value.list[1].back', /contains itself/)
test(
  cannot,
  'a list in itself',
  (() => {
    const list: unknown[] = []
    list.push(list)
    return list
  })(),
  'value[0]',
  /contains itself/,
)
test(
  cannot,
  'what is too deep',
  Array.from({ length: 129 }).reduce((inner) => [inner], 1),
  `value${'[0]'.repeat(128)}`,
  /nested deeper than 128/,
)
test(cannot, 'a Promise', Promise.resolve(), 'value', /class Promise/)
test(cannot, 'a Set', new Set([1]), 'value', /class Set/)
test(cannot, 'a RegExp in a list', [1, /x/], 'value[1]', /class RegExp/)
test(cannot, 'a Uint16Array', new Uint16Array(1), 'value', /class Uint16Array/)
test(cannot, 'an ArrayBuffer', new ArrayBuffer(1), 'value', /class ArrayBuffer/)
test(cannot, 'an error in a value', [new Error('x')], 'value[0]', /an error cannot be part/)
test(cannot, 'a bigint beyond', 2n ** 63n, 'value', /range of a long/)
test(cannot, "a bigint that is q's infinity", 2n ** 63n - 1n, 'value', /range of a long/)
test(cannot, "a bigint that is q's null", -(2n ** 63n), 'value', /range of a long/)
test(cannot, 'a bigint beyond in a list', [1n, 2n ** 63n], 'value[1]', /range of a long/)
test(cannot, 'a bigint beyond in a row', [{ a: 1n }, { a: 2n ** 63n }], 'value[1].a', /range of a long/)
test(cannot, 'a bigint beyond in an object', { a: 2n ** 63n }, 'value.a', /range of a long/)
test(cannot, 'a Date beyond', new Date(8.64e15), 'value', /range of a long/)
test(cannot, 'a name with a NUL', { 'a\0': 1 }, 'value["a\\u0000"]', /without NUL/)
test(cannot, 'a key with a NUL', new Map([['a\0', 1]]), 'value.keys()[0]', /without NUL/)
test(cannot, 'a wrong item of a list', q.list('int', [1, 'x']), 'value[1]', /an int/)
test(
  cannot,
  'a wrong item of a column',
  q.table({ a: q.list('byte', [256]) }),
  'value.columns.a[0]',
  /a byte/,
)
test(
  cannot,
  'what a getter throws',
  {
    get a() {
      throw new Error('not now')
    },
  },
  'value.a',
  /not now/,
)
test(cannot, 'a guid, to an old client', q.guid(null), 'value', /too old/, 2)
test(cannot, 'guids, to an old client', [[q.guid(null)]], 'value[0]', /too old/, 2)
test(cannot, 'a timestamp, to a very old client', q.timestamp(1n), 'value', /too old/, 0)
test(cannot, 'a timespan, to a very old client', { a: [q.timespan(1n)] }, 'value.a', /too old/, 0)

test('the error that a getter throws is the cause', (t) => {
  const cause = new Error('not now')
  const value = [
    {
      get a() {
        throw cause
      },
    },
  ]
  t.is(t.throws(() => bodyOf(value), { instanceOf: QcloneError }).cause, cause)
})

test('exact atoms beside natural numbers are what they were said to be', (t) => {
  t.is(bodyOf([q.long(1), 1.5]), '000002000000f90100000000000000f7000000000000f83f')
  t.is(bodyOf([q.float(1), 2]), '090002000000000000000000f03f0000000000000040')
  t.is(bodyOf([1n, q.long(2)]), '07000200000001000000000000000200000000000000')
})

test('a very old client gets Dates as datetimes', (t) => {
  const date = new Date('2000-01-02T12:00Z')
  const old = opened({}, 0)
  t.is(bodyOf(date, old), 'f1000000000000f83f')
  t.is(bodyOf([null, date], old), '0f0002000000000000000000f87f000000000000f83f')
  t.is(bodyOf({ date }, old), '630b000100000064617465000f0001000000000000000000f83f')
  t.is(
    bodyOf([{ date }], old),
    '6200630b0001000000646174650000000100 00000f0001000000000000000000f83f'.replace(' ', ''),
  )
  t.is(bodyOf(q.timestamp(1n), opened({}, 1)), 'f40100000000000000')
})

const refuses = test.macro({
  title: (_, what: string) => `refused by its maker: ${what}`,
  exec(t, _: string, make: () => unknown, instanceOf: ErrorConstructor, message: RegExp) {
    t.throws(make, { instanceOf, message })
  },
})

test(
  refuses,
  'a boolean that is none',
  () => q.boolean(1 as never),
  TypeError,
  /to be a boolean, got `1` \(number\)/,
)
test(refuses, 'a guid that is none', () => q.guid('8c680a01'), TypeError, /a guid/)
test(refuses, 'a byte beyond', () => q.byte(256), RangeError, /range of a byte/)
test(refuses, 'a byte that is null', () => q.byte(null as never), TypeError, /a byte/)
test(refuses, 'a short beyond', () => q.short(32767), RangeError, /a short/)
test(refuses, 'an int that is not whole', () => q.int(1.5), TypeError, /an int/)
test(refuses, 'an int beyond', () => q.int(-(2 ** 31)), RangeError, /an int/)
test(refuses, 'a long that is not safe', () => q.long(2 ** 53), RangeError, /as a bigint/)
test(refuses, 'a real that is none', () => q.real('1' as never), TypeError, /a number/)
test(refuses, 'two chars', () => q.char('ab'), TypeError, /a char/)
test(refuses, 'a char of more than a byte', () => q.char('€'), RangeError, /one byte/)
test(refuses, 'a symbol with a NUL', () => q.symbol('a\0'), RangeError, /without NUL/)
test(refuses, 'a timestamp of a string', () => q.timestamp('2000' as never), TypeError, /a long/)
test(refuses, 'a date of a time', () => q.date(q.time(1) as never), TypeError, /a date/)
test(refuses, 'a minute of a Date', () => q.minute(new Date() as never), TypeError, /an int/)
test(refuses, 'a list of no type', () => q.list('integer' as never, []), TypeError, /`type` to be `any` or/)
test(
  refuses,
  'columns that differ in length',
  () => q.table({ a: [1], b: [] }),
  RangeError,
  /column `b` to have 1 items, got 0/,
)
test(refuses, 'a column that is none', () => q.table({ a: 1 as never }), TypeError, /column `a` to be a list/)
test(refuses, 'a dict with more keys', () => q.dict([1], []), RangeError, /as many values as keys, 1, got 0/)
test(
  refuses,
  'keys and values that differ in length',
  () => q.keyed({ a: [1] }, { b: [] }),
  RangeError,
  /as many values as keys, 1, got 0/,
)
test(refuses, 'a lambda of no source', () => q.lambda(1 as never), TypeError, /`source` to be a string/)

test('a reply fails as what was thrown, whatever that is', (t) => {
  const failed = (error: unknown) => Buffer.from(opened().fail(QUERY, error)).toString('hex')
  t.is(failed(new Error('type')), '010200000e000000807479706500')
  const text = (error: unknown) => hex(failed(error)).subarray(9, -1).toString()
  t.is(text('text'), 'text')
  t.is(text(new Error('a\0b')), 'a b')
  t.is(text(new Error('')), 'Error')
  t.is(text(''), 'error')
  t.is(text(undefined), 'undefined')
  t.is(text(Symbol('x')), 'Symbol(x)')
  t.is(text(Object.create(null)), 'an error that cannot be read')
  t.is(
    text({
      toString() {
        throw new Error('x')
      },
    }),
    'an error that cannot be read',
  )
  t.is(
    text(
      Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw new Error('y')
        },
      }),
    ),
    'an error that cannot be read',
  )
  t.is(text(new Error('x'.repeat(1e6))).length, 4096)
  t.is(text(Object.assign(new Error('x'), { message: 5 })), '5')
})

test('temporals tell when and how long', (t) => {
  const told = (temporal: QTemporal) => [String(temporal), temporal.valueOf()]
  t.deepEqual(told(q.timestamp(1n)), ['2000-01-01T00:00:00.000000001Z', 946684800000])
  t.deepEqual(told(q.timestamp(-1n)), ['1999-12-31T23:59:59.999999999Z', 946684800000])
  t.deepEqual(told(q.month(13)), ['2001-02', Date.UTC(2001, 1)])
  t.deepEqual(told(q.month(-1)), ['1999-12', Date.UTC(1999, 11)])
  t.deepEqual(told(q.date(366)), ['2001-01-01', Date.UTC(2001, 0)])
  t.deepEqual(told(q.datetime(1.5)), ['2000-01-02T12:00:00.000Z', Date.UTC(2000, 0, 2, 12)])
  t.deepEqual(told(q.timespan(90_000_000_000_001n)), ['1D01:00:00.000000001', 90_000_000.000001])
  t.deepEqual(told(q.timespan(-1n)), ['-0D00:00:00.000000001', -0.000001])
  t.deepEqual(told(q.minute(721)), ['12:01', 43_260_000])
  t.deepEqual(told(q.second(-43500)), ['-12:05:00', -43_500_000])
  t.deepEqual(told(q.time(43499123)), ['12:04:59.123', 43_499_123])
  t.deepEqual(told(q.date(Infinity)), ['0Wd', Infinity])
  t.deepEqual(told(q.timestamp(-Infinity)), ['-0Wp', -Infinity])
  t.deepEqual(told(q.datetime(Infinity)), ['0Wz', Infinity])
  t.deepEqual(told(q.time(null)), ['0Nt', Number.NaN])
  t.deepEqual(told(q.timespan(null)), ['0Nn', Number.NaN])
  t.is(String(q.date(2 ** 30)), '2000-01-01+1073741824d')
  t.is(String(q.month(12 * 9000)), '+011000-01')
  t.is(JSON.stringify([q.date(0), q.date(null)]), '["2000-01-01",null]')
})

test('temporals that tell when are Dates too, and compare', (t) => {
  t.deepEqual(q.timestamp(1_500_000n).toDate(), new Date(946684800001))
  t.deepEqual(q.timestamp(-1n).toDate(), new Date(946684799999))
  t.deepEqual(q.month(1).toDate(), new Date('2000-02-01'))
  t.true(Number.isNaN(q.date(Infinity).toDate().getTime()))
  t.true(Number.isNaN(q.date(null).toDate().getTime()))
  t.throws(() => q.time(1).toDate(), { instanceOf: TypeError, message: /time is not a point in time/ })
  t.true(q.date(0) < q.date(1))
  t.true(new Date() > q.timestamp(0n).toDate())
})

test('a table gives rows and columns', (t) => {
  const table = q.table({ a: [1, 2], b: 'xy', c: q.list('int', [5, 6]), d: q.table({ e: [7, 8] }) })
  t.is(table.length, 2)
  const rows = [
    record({ a: 1, b: 'x', c: 5, d: record({ e: 7 }) }),
    record({ a: 2, b: 'y', c: 6, d: record({ e: 8 }) }),
  ]
  t.deepEqual([...table], rows)
  t.deepEqual(table.rows(), rows)
  t.deepEqual(table.at(1), rows[1])
  t.is(table.at(2), undefined)
  t.is(table.at(-1), undefined)
  t.is(table.at(0.5), undefined)
  t.is(JSON.stringify(table), JSON.stringify(rows))
  t.is(new QTable({}).length, 0)
})

test('a keyed table gives rows of both', (t) => {
  const table = q.keyed({ a: [1, 2] }, q.table({ b: ['x', 'y'] }))
  t.true(table instanceof QKeyedTable)
  t.is(table.length, 2)
  t.deepEqual(
    [...table],
    [
      [record({ a: 1 }), record({ b: 'x' })],
      [record({ a: 2 }), record({ b: 'y' })],
    ],
  )
  t.is(JSON.stringify(table), '[{"a":1,"b":"x"},{"a":2,"b":"y"}]')
  t.deepEqual(roundTrip(new Map(table)), table)
})
