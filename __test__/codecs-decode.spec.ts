import { isDeepStrictEqual } from 'node:util'
import test from 'ava'
import { ProtocolError } from 'node-qclone'
import { QDict, QFunction, QKeyedTable, QTable, QTemporal, q } from 'node-qclone/kdb'
import { KdbValues } from '../harness/messages/kdb-values.js'
import { Sink } from '../harness/messages/sink.js'
import { Random } from '../harness/random.js'
import { decoded, framed, hex, opened, received, record } from './helpers/kdb.js'

/** Bodies as written by kdb+ 3. */
const says = test.macro({
  title: (_, text: string) => `kdb+'s bytes of ${text} are decoded`,
  exec(t, _: string, body: string, value: unknown) {
    t.deepEqual(decoded(body), value)
  },
})

test(says, '1', 'f90100000000000000', 1)
test(says, '1i', 'fa01000000', 1)
test(says, '-234h', 'fb16ff', -234)
test(says, '0b', 'ff00', false)
test(says, '1b', 'ff01', true)
test(says, '0x2a', 'fc2a', 42)
test(says, '89421099511627575j', 'f937bfd02704b03d01', 89421099511627575n)
test(says, '3.234', 'f7ac1c5a643bdf0940', 3.234)
test(says, '5.5e', 'f80000b040', 5.5)
test(says, '"0"', 'f630', '0')
test(says, '"abc"', '0a0003000000616263', 'abc')
test(says, '""', '0a0000000000', '')
test(says, '`abc', 'f561626300', 'abc')
test(says, 'a guid', 'fe8c680a015a495aab5a65d4bfddb6a661', '8c680a01-5a49-5aab-5a65-d4bfddb6a661')
test(says, '2000.01.04D05:36:57.600', 'f400c0cafa20fe0000', new QTemporal('timestamp', 279417600000000n))
test(says, '2001.01m', 'f30c000000', new QTemporal('month', 12))
test(says, '2001.01.01', 'f26e010000', new QTemporal('date', 366))
test(says, '2000.01.04T05:36:57.600', 'f1ac1c5a643bdf0940', new QTemporal('datetime', 3.234))
test(says, '0D05:36:57.600', 'f000c0dd4663120000', new QTemporal('timespan', 20217600000000n))
test(says, '12:01', 'efd1020000', new QTemporal('minute', 721))
test(says, '12:05:00', 'eeeca90000', new QTemporal('second', 43500))
test(says, '12:04:59.123', 'ed73be9702', new QTemporal('time', 43499123))

test(says, '0Nh', 'fb0080', null)
test(says, '0Ni', 'fa00000080', null)
test(says, '0N', 'f90000000000000080', null)
test(says, '0Ne', 'f80000c07f', null)
test(says, '0n', 'f7000000000000f87f', null)
test(says, '0Ng', 'fe00000000000000000000000000000000', null)
test(says, '" "', 'f620', ' ')
test(says, '`', 'f500', '')
test(says, '0Np', 'f40000000000000080', null)
test(says, '0Nm', 'f300000080', null)
test(says, '0Nd', 'f200000080', null)
test(says, '0Nz', 'f1000000000000f87f', null)
test(says, '0Nn', 'f00000000000000080', null)
test(says, '0Nu', 'ef00000080', null)
test(says, '0Nv', 'ee00000080', null)
test(says, '0Nt', 'ed00000080', null)
test(says, '0Wh -0Wh', '050002000000ff7f0180', [Infinity, -Infinity])
test(says, '0Wi -0Wi', '060002000000ffffff7f01000080', [Infinity, -Infinity])
test(says, '0W -0W', '070002000000ffffffffffffff7f0100000000000080', [Infinity, -Infinity])
test(says, '0w', 'f7000000000000f07f', Infinity)
test(says, '2 xexp 53 and one less', '070002000000ffffffffffff1f000000000000002000', [2 ** 53 - 1, 2n ** 53n])

test(says, '()', '000000000000', [])
test(says, '010b', '010003000000000100', [false, true, false])
test(says, '0x0102ff', '0400030000000102ff', Uint8Array.of(1, 2, 255))
test(says, '1 0N 3h', '050003000000010000800300', [1, null, 3])
test(says, '1 0N 3i', '060003000000010000000000008003000000', [1, null, 3])
test(says, '1 0N 3', '070003000000010000000000000000000000000000800300000000000000', [1, null, 3])
test(says, '5.5 0Ne', '0800020000000000b0400000c07f', [5.5, null])
test(says, '3.23 0n', '090002000000d7a3703d0ad70940000000000000f87f', [3.23, null])
test(says, '``quick``fox', '0b000400000000717569636b0000666f7800', ['', 'quick', '', 'fox'])
test(says, '2000.01.04D05:36:57.600 0Np', '0c000200000000c0cafa20fe00000000000000000080', [
  new QTemporal('timestamp', 279417600000000n),
  null,
])
test(says, '2001.01.01 2000.05.01 0Nd', '0e00030000006e0100007900000000000080', [
  new QTemporal('date', 366),
  new QTemporal('date', 121),
  null,
])
test(says, '(1;2h;3.234;"4")', '000004000000f90100000000000000fb0200f7ac1c5a643bdf0940f634', [
  1,
  2,
  3.234,
  '4',
])
test(says, '(`one;2 3)', '000002000000f56f6e650007000200000002000000000000000300000000000000', [
  'one',
  [2, 3],
])
test(says, '::', '6500', null)

test(says, '`a`b!2 3i', '630b0002000000610062000600020000000200000003000000', record({ a: 2, b: 3 }))
test(says, '`s#`a`b!2 3i', '7f0b0102000000610062000600020000000200000003000000', record({ a: 2, b: 3 }))
test(
  says,
  '`x`y!(`a;2)',
  '630b000200000078007900000002000000f56100f90200000000000000',
  record({ x: 'a', y: 2 }),
)
test(
  says,
  '1 2!`abc`cdefgh',
  '63070002000000010000000000000002000000000000000b00020000006162630063646566676800',
  new QDict([1, 2], ['abc', 'cdefgh']),
)
test(
  says,
  'flip `a`b!enlist each 2 3i',
  '6200630b0002000000610062000000020000000600010000000200000006000100000003000000',
  new QTable({ a: [2], b: [3] }),
)
test(
  says,
  '`s#([]a:enlist 2i;b:enlist 3i)',
  '6201630b0002000000610062000000020000000603010000000200000006000100000003000000',
  new QTable({ a: [2], b: [3] }),
)
test(
  says,
  '([] name:`symbol$(); iq:`int$())',
  '6200630b00020000006e616d65006971000000020000000b0000000000060000000000',
  new QTable({ name: [], iq: [] }),
)
test(
  says,
  'a table with a column of chars',
  '6200630b000200000073796d00737472000000020000000b0002000000780078000a00020000002061',
  new QTable({ sym: ['x', 'x'], str: [' ', 'a'] }),
)
test(
  says,
  '([a:enlist 2i]b:enlist 3i)',
  '636200630b00010000006100000001000000060001000000020000006200630b0001000000620000000100000006000100000003000000',
  new QKeyedTable(new QTable({ a: [2] }), new QTable({ b: [3] })),
)
test(
  says,
  '`s#([a:enlist 2i]b:enlist 3i)',
  '7f6201630b00010000006100000001000000060001000000020000006200630b0001000000620000000100000006000100000003000000',
  new QKeyedTable(new QTable({ a: [2] }), new QTable({ b: [3] })),
)
test(
  says,
  '`a`b!([]c:1 2)',
  '630b0002000000610062006200630b00010000006300000001000000070002000000010000000000000002000000000000 00',
  record({ a: record({ c: 1 }), b: record({ c: 2 }) }),
)

test(says, '{x+y}', '64000a00050000007b782b797d', new QFunction({ type: 100, source: '{x+y}', context: '' }))
test(
  says,
  '{x+y} of another context',
  '6464000a00050000007b782b797d',
  new QFunction({ type: 100, source: '{x+y}', context: 'd' }),
)
test(says, 'not', '650f', new QFunction({ type: 101, code: 15 }))
test(says, 'and', '6605', new QFunction({ type: 102, code: 5 }))
test(says, 'an iterator', '6701', new QFunction({ type: 103, code: 1 }))
test(
  says,
  '{x+y}[3]',
  '680200000064000a00050000007b782b797df90300000000000000',
  new QFunction({ type: 104, parts: [q.lambda('{x+y}'), 3] }),
)
test(
  says,
  'any',
  '6902000000651c6802000000660bf662',
  new QFunction({
    type: 105,
    parts: [
      new QFunction({ type: 101, code: 28 }),
      new QFunction({ type: 104, parts: [new QFunction({ type: 102, code: 11 }), 'b'] }),
    ],
  }),
)
for (const type of [106, 107, 108, 109, 110, 111] as const) {
  test(
    says,
    `an iterator (${type}) applied to +`,
    `${type.toString(16)}6601`,
    new QFunction({ type, parts: [new QFunction({ type: 102, code: 1 })] }),
  )
}

test('an error is decoded, with its text', (t) => {
  const error = decoded('807479706500')
  t.true(error instanceof Error)
  t.is((error as Error).message, 'type')
})

test('functions know what q calls them, where that is written as a sign', (t) => {
  const source = (body: string) => (decoded(body) as QFunction).source
  t.is(source('64000a00050000007b782b797d'), '{x+y}')
  t.is(source('6601'), '+')
  t.is(source('6501'), '+:')
  t.is(source('6605'), '&')
  t.is(source('6614'), '0:')
  t.is(source('6700'), "'")
  t.is(source('6705'), '\\:')
  t.is(source('661c'), undefined)
  t.is(source('6b660c'), undefined)
  t.is((decoded('6b660c') as QFunction).type, 107)
})

test('text that is no UTF-8 is taken for Latin-1', (t) => {
  t.is(decoded('0a0002000000c3a9'), 'é')
  t.is(decoded('0a0001000000e9'), 'é')
  t.is(decoded('f5e900'), 'é')
  t.is(decoded(`0a0020000000${'61'.repeat(31)}e9`), `${'a'.repeat(31)}é`)
  t.is(decoded(`0a0020000000${'61'.repeat(30)}c3a9`), `${'a'.repeat(30)}é`)
})

test('names of dicts are safe, whatever they are', (t) => {
  const dict = decoded(
    '630b00010000005f5f70726f746f5f5f00000001000000630b00010000006100010001000000 01',
  ) as object
  t.deepEqual(Object.keys(dict), ['__proto__'])
  t.is(Object.getPrototypeOf(dict), null)
  t.is(({} as { a?: unknown }).a, undefined)
})

test('of two of one name the first counts', (t) => {
  t.deepEqual(decoded('630b0002000000610061000600020000000200000003000000'), record({ a: 2 }))
  const table = decoded('6200630b0002000000610061000000020000000600010000000200000006000100000003000000')
  t.deepEqual(table, new QTable({ a: [2] }))
})

const VALUES = 4000
const SEED = 20_260_131

/** Random value, and its bytes. */
function randomValue(index: number, isLittleEndian: boolean): { body: Buffer; value: unknown } {
  const sink = new Sink()
  sink.isLittleEndian = isLittleEndian
  const value = new KdbValues(new Random(SEED, index), sink).value(4)
  return { body: sink.copy(), value }
}

for (const isLittleEndian of [true, false]) {
  test(`any value is decoded, in ${isLittleEndian ? 'little' : 'big'}-endian byte order`, (t) => {
    for (let index = 0; index < VALUES; index++) {
      const { body, value } = randomValue(index, isLittleEndian)
      const actual = decoded(body, { isLittleEndian })
      // Much faster than t.deepEqual, which is only needed to show the difference.
      if (!isDeepStrictEqual(actual, value))
        t.deepEqual(actual, value, `value ${index}: ${body.toString('hex')}`)
    }
    t.pass()
  })
}

test('of any value no beginning is a value, and nothing may follow', (t) => {
  for (let index = 0; index < VALUES / 10; index++) {
    const { body } = randomValue(index, true)
    for (let length = 1; length < Math.min(body.length, 64); length++) {
      t.throws(() => decoded(body.subarray(0, length)), { instanceOf: ProtocolError }, body.toString('hex'))
    }
    t.throws(() => decoded(Buffer.concat([body, Buffer.of(0)])), {
      instanceOf: ProtocolError,
      message: /more than one value/,
    })
  }
})

const refused = test.macro({
  title: (_, what: string) => `refused: ${what}`,
  exec(t, _: string, body: string, message: RegExp) {
    t.throws(() => decoded(body), { instanceOf: ProtocolError, message })
  },
})

test(refused, 'an atom of no type', 'fd01', /-3 is not a known type/)
test(refused, 'an atom of a type beyond', 'ec01', /-20 is not a known type/)
test(refused, 'a vector of no type', '030000000000', /3 is not a known type/)
test(refused, 'an enumeration, which is never sent', '140000000000', /20 is not a known type/)
test(refused, 'a type between', '600000000000', /96 is not a known type/)
test(refused, 'code of another language', '7000', /112 is not a known type/)
test(refused, 'an error in a list', '0000010000008061 00', /-128 is not a known type/)
test(refused, 'a vector with less than no items', '0700ffffffff', /too short for -1 items/)
test(refused, 'more longs than there are bytes for', '0700020000000000000000000000', /too short for 2 items/)
test(refused, 'more values than there are bytes for', '000002000000ff01', /too short for 2 items/)
test(refused, 'two billion guids', '0200ffffff7f', /too short for 2147483647 items/)
test(refused, 'two billion symbols', '0b00ffffff7f00', /too short for 2147483647 items/)
test(refused, 'a projection of two billion parts', '68ffffff7f', /too short/)
test(refused, 'a symbol without an end', 'f5616263', /no end/)
test(refused, 'a dict with more keys than values', '63060001000000010000000600 00000000', /do not match/)
test(refused, 'a dict of atoms', '63fa01000000fa01000000', /-6 is not the type of a list/)
test(refused, 'a dict of functions', '6365006500', /101 is not the type of a list/)
test(refused, 'a table of a list', '6200000000000000', /0 is not the type of a table's columns/)
test(
  refused,
  'a table whose columns have no names',
  '620063060001000000010000000000010000000600 00000000',
  /no names/,
)
test(refused, 'a table of a vector', '6200630b000100000061000600010000000100 0000', /no columns/)
test(refused, 'a table with fewer columns than names', '6200630b000100000061000000 00000000', /do not match/)
test(
  refused,
  'a column that is an atom',
  '6200630b00010000006100000001000000fa01000000',
  /-6 is not the type of a list/,
)
test(
  refused,
  'columns that differ in length',
  '6200630b0002000000610062000000020000000600010000000200000006000000000000',
  /differ in length/,
)
test(refused, 'a lambda without a source', '6400f561 00', /no source/)

test('a dict whose keys are no names gives pairs, and is no Map unless that is asked for', (t) => {
  const dict = decoded('63 0600 03000000 010000000200000001000000 0a00 03000000 616263') as QDict
  t.deepEqual(dict, new QDict([1, 2, 1], ['a', 'b', 'c']))
  t.is(dict.length, 3)
  t.deepEqual(
    [...dict],
    [
      [1, 'a'],
      [2, 'b'],
      [1, 'c'],
    ],
  )
  t.deepEqual(
    dict.toMap(),
    new Map([
      [1, 'a'],
      [2, 'b'],
    ]),
  )
  t.is(JSON.stringify(dict), '[[1,"a"],[2,"b"],[1,"c"]]')
  const ofRows = decoded(
    '63 6200630b00010000006100000001000000060001000000 02000000 060001000000 05000000',
  ) as QDict
  t.deepEqual([...ofRows], [[record({ a: 2 }), 5]])
})

test('a message has no more functions than anybody needs', (t) => {
  const many = (count: number) => {
    const body = Buffer.alloc(6 + 2 * count, Buffer.of(0x66, 1))
    body.set([0, 0])
    body.writeInt32LE(count, 2)
    return decoded(body) as unknown[]
  }
  t.is(many(2 ** 16).length, 2 ** 16)
  t.throws(() => many(2 ** 16 + 1), { instanceOf: ProtocolError, message: /too many functions/ })
})

test('values are nested as deep as is allowed, and no deeper', (t) => {
  const nested = (depth: number) => framed(hex(`${'000001000000'.repeat(depth)}ff01`))
  let value = received(nested(128))
  for (let depth = 0; depth < 128; depth++) value = (value as unknown[])[0]
  t.is(value, true)
  const error = { instanceOf: ProtocolError, message: /nested too deep/ }
  t.throws(() => received(nested(129)), error)
  t.throws(() => received(nested(5), opened({ maxDepth: 4 })), error)
  // One byte per level.
  t.throws(() => decoded(`${'6b'.repeat(100_000)}6601`), error)
  t.throws(() => decoded('62 00'.repeat(200)), { instanceOf: ProtocolError })
  // Values side by side do not add to the depth.
  t.notThrows(() =>
    received(framed(hex(`0000c8000000${'000000000000'.repeat(200)}`)), opened({ maxDepth: 2 })),
  )
})

test('values are decoded at the greatest depth that can be allowed', (t) => {
  const body = hex(`${'000001000000'.repeat(500)}ff01`)
  t.notThrows(() => received(framed(body), opened({ maxDepth: 500 })))
  const dicts = hex(`${'630b000100000061000000 01000000'.repeat(250)}ff01`)
  t.notThrows(() => received(framed(dicts), opened({ maxDepth: 500 })))
})

test('a decoded value keeps nothing of the chunk that it came in', (t) => {
  const bytes = framed('0400030000000102ff')
  const value = received(bytes)
  bytes.fill(0)
  t.deepEqual(value, Uint8Array.of(1, 2, 255))
})
