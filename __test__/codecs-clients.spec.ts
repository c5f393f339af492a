import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { pythonWith } from '../harness/clients/python.js'
import { playScene } from './helpers/fixture.js'

/** Includes the time to create a Python environment. */
const DEADLINE_MS = 240_000
/** In the folder of sources: a build has no Python. */
const SOURCES = fileURLToPath(new URL('../../__test__/', import.meta.url))

interface Seen {
  isRefused: boolean
  values: Record<string, unknown>
  sum: unknown
  echoes: unknown
  error: unknown
  updates: unknown
}

const KINDS = ['queries', 'sessions'] as const
type Kind = (typeof KINDS)[number]

/** Checks a client's view of a server whose clones serve it. Updates go to the parent, or to its own session. */
async function meet(
  t: ExecutionContext,
  command: readonly string[],
  kind: Kind,
  compress: boolean,
): Promise<Seen> {
  t.timeout(DEADLINE_MS)
  const args = [kind, String(compress), ...command]
  const { seen, logins, clones, updates } = await playScene(t, 'kdb', 'meets', {
    args,
    deadlineMs: DEADLINE_MS,
  })
  t.deepEqual((logins as string[]).toSorted(), ['me:se:cret', 'me:se:cret?'], 'it tried a wrong password')
  t.is(clones === 1, kind === 'sessions')
  const published = [
    ['upd', 'trade', [1, 2]],
    ['upd', 'trade', [3, 4]],
  ]
  t.deepEqual(updates, kind === 'queries' ? published : [])
  return seen as Seen
}

/**
Checks that clients see one version or increasing ones. Some crash their clone, which must not affect the others.
*/
async function seeSnapshots(t: ExecutionContext, command: readonly string[], kind: Kind): Promise<void> {
  t.timeout(DEADLINE_MS)
  const args = [kind, ...command]
  const told = await playScene(t, 'kdb', 'snapshots', { args, deadlineMs: DEADLINE_MS, noisy: true })
  const { seen, crashed, changed, fresh } = told.seen as {
    seen: [number, number, number]
    crashed: boolean
    changed: number
    fresh: number
  }
  t.true(told['the parent'])
  t.true(crashed)
  t.is(changed, -1)
  const [first, second, third] = seen
  if (kind === 'sessions') t.deepEqual([second, third], [first, -1])
  else t.true(first < second && second < third)
  t.true(fresh > first)
}

/** Path of a Python with the client, or `undefined`, which it logs, if there is no Python. */
function findPython(t: ExecutionContext, client: string): string | undefined {
  const python = pythonWith(client)
  if (python === undefined) t.log('there is no python3 here')
  return python
}

const GUID = '8c680a01-5a49-5aab-5a65-d4bfddb6a661'
const NULL_LONG = Number(-(2n ** 63n))
const large = Array.from({ length: 300 }, (_, i) => i % 10)

/** Values that all clients decode in the same way. */
const ALIKE = {
  short: -234,
  int: 70_000,
  long: 2 ** 40 + 1,
  real: 5.5,
  float: 3.25,
  symbol: 'IBM',
  string: 'text',
  null: null,
  booleans: [true, false],
  reals: [1.5, -2],
  floats: [1.5, null, -2],
  symbols: ['a', 'b'],
  strings: ['one', 'two'],
  list: [1, 'text', [true]],
  empty: [],
  lambda: '{x+y}',
  large,
}

const OF_NODE_Q = {
  ...ALIKE,
  boolean: true,
  guid: GUID,
  byte: 255,
  char: 'x',
  timestamp: '2026-01-31T12:34:56.789Z',
  month: '2026-01-01T00:00:00.000Z',
  date: '2026-01-31T00:00:00.000Z',
  datetime: '2026-01-31T12:00:00.000Z',
  timespan: '2000-01-01T05:36:57.600Z',
  minute: '2000-01-01T12:01:00.000Z',
  second: '2000-01-01T12:05:00.000Z',
  time: '2000-01-01T12:04:59.123Z',
  guids: [GUID, null],
  bytes: [1, 2, 255],
  shorts: [1, null, -3],
  ints: [1, null, -3],
  longs: [1, null, -3],
  timestamps: ['2026-01-31T12:34:56.789Z', null],
  months: ['2026-02-01T00:00:00.000Z', null],
  dates: ['2026-01-31T00:00:00.000Z', null],
  datetimes: ['2026-01-31T12:00:00.000Z', null],
  timespans: ['2000-01-01T05:36:57.600Z', null],
  minutes: ['2000-01-01T12:01:00.000Z', null],
  seconds: ['2000-01-01T12:05:00.000Z', null],
  times: ['2000-01-01T12:04:59.123Z', null],
  dict: { a: 1, b: 2 },
  table: [
    { sym: 'a', size: 1, price: 1.5 },
    { sym: 'b', size: 2, price: 2.5 },
  ],
  keyed: [
    [{ sym: 'a' }, { sym: 'b' }],
    [{ size: 1 }, { size: 2 }],
  ],
}

const OF_PYTHON = {
  ...ALIKE,
  shorts: [1, -(2 ** 15), -3],
  ints: [1, -(2 ** 31), -3],
  longs: [1, NULL_LONG, -3],
}

const OF_QPYTHON = {
  ...OF_PYTHON,
  boolean: true,
  guid: GUID,
  // This client treats bytes as signed.
  byte: -1,
  bytes: [1, 2, -1],
  char: 'x',
  timestamp: '2026-01-31T12:34:56.789123456',
  month: '2026-01',
  date: '2026-01-31',
  datetime: '2026-01-31T12:00:00.000',
  timespan: '20217600000001 nanoseconds',
  minute: '721 minutes',
  second: '43500 seconds',
  time: '43499123 milliseconds',
  guids: [GUID, '00000000-0000-0000-0000-000000000000'],
  timestamps: ['2026-01-31T12:34:56.789123456', 'NaT'],
  months: ['2026-02', 'NaT'],
  dates: ['2026-01-31', 'NaT'],
  datetimes: ['2026-01-31T12:00:00.000', 'NaT'],
  timespans: ['20217600000001 nanoseconds', 'NaT'],
  minutes: ['721 minutes', 'NaT'],
  seconds: ['43500 seconds', 'NaT'],
  times: ['43499123 milliseconds', 'NaT'],
  dict: [
    ['a', 'b'],
    [1, 2],
  ],
  table: OF_NODE_Q.table,
  keyed: OF_NODE_Q.keyed,
}

/** Raw values, since PyKX is not asked to convert them. Guids are then two floats, and are not compared. */
const OF_PYKX = {
  ...OF_PYTHON,
  boolean: 1,
  byte: 255,
  bytes: [1, 2, 255],
  char: 120,
  timestamp: Number(823_178_096_789_123_456n),
  month: 312,
  date: 9527,
  datetime: 9527.5,
  timespan: 20_217_600_000_001,
  minute: 721,
  second: 43_500,
  time: 43_499_123,
  timestamps: [Number(823_178_096_789_123_456n), NULL_LONG],
  months: [313, -(2 ** 31)],
  dates: [9527, -(2 ** 31)],
  datetimes: [9527.5, null],
  timespans: [20_217_600_000_001, NULL_LONG],
  minutes: [721, -(2 ** 31)],
  seconds: [43_500, -(2 ** 31)],
  times: [43_499_123, -(2 ** 31)],
  dict: { a: 1, b: 2 },
  table: { sym: ['a', 'b'], size: [1, 2], price: [1.5, 2.5] },
  keyed: { "['a']": { size: 1 }, "['b']": { size: 2 } },
}

for (const [kind, compress] of [
  ['queries', false],
  ['queries', true],
  ['sessions', false],
] as const) {
  const how = `, by ${kind}${compress ? ', compressed' : ''}`

  test.serial(`node-q logs in, reads every type, asks and updates${how}`, async (t) => {
    const script = fileURLToPath(new URL('clients/node-q-client.js', import.meta.url))
    const seen = await meet(t, [execPath, '--no-deprecation', script], kind, compress)
    t.deepEqual(seen, {
      isRefused: true,
      values: OF_NODE_Q,
      sum: 5.5,
      echoes: [1.5, 'text', true, null, { a: [1, 2] }],
      error: 'as it should',
      updates: 2,
    })
  })

  test.serial(`qPython logs in, reads every type, asks and updates${how}`, async (t) => {
    const python = findPython(t, 'qpython')
    if (!python) {
      t.pass()
      return
    }
    const seen = await meet(t, [python, `${SOURCES}clients/qpython-client.py`], kind, compress)
    t.deepEqual(seen, {
      isRefused: true,
      values: OF_QPYTHON,
      sum: 5.5,
      echoes: [1, 1.5, 'text', true, [1, 2]],
      error: 'as it should',
      updates: 2,
    })
  })

  test.serial(`PyKX logs in, reads every type, asks and updates${how}`, async (t) => {
    const python = findPython(t, 'pykx')
    if (!python) {
      t.pass()
      return
    }
    const seen = await meet(t, [python, `${SOURCES}clients/pykx-client.py`], kind, compress)
    const { guid: _, guids: __, ...values } = seen.values
    t.deepEqual(
      { ...seen, values },
      {
        isRefused: true,
        values: OF_PYKX,
        sum: 5.5,
        echoes: [1, 1.5, 'text', 1],
        error: 'as it should',
        updates: 2,
      },
    )
  })
}

for (const kind of KINDS) {
  test.serial(`clients by node-q see snapshots, by ${kind}`, async (t) => {
    const script = fileURLToPath(new URL('clients/node-q-snapshots.js', import.meta.url))
    await seeSnapshots(t, [execPath, '--no-deprecation', script], kind)
  })

  test.serial(`clients by qPython see snapshots, by ${kind}`, async (t) => {
    const python = findPython(t, 'qpython')
    if (!python) {
      t.pass()
      return
    }
    await seeSnapshots(t, [python, `${SOURCES}clients/qpython-snapshots.py`], kind)
  })
}
