import { q } from 'node-qclone/kdb'

const GUID = '8c680a01-5a49-5aab-5a65-d4bfddb6a661'
const DATE = new Date('2026-01-31T12:34:56.789Z')

/** A value of every type of q, by what clients ask for it. */
const VALUES: Record<string, unknown> = {
  boolean: true,
  guid: q.guid(GUID),
  byte: q.byte(255),
  short: q.short(-234),
  int: q.int(70_000),
  long: 2 ** 40 + 1,
  real: q.real(5.5),
  float: 3.25,
  char: q.char('x'),
  symbol: q.symbol('IBM'),
  string: 'text',
  timestamp: q.timestamp(823_178_096_789_123_456n),
  month: q.month(DATE),
  date: q.date(DATE),
  datetime: q.datetime(new Date('2026-01-31T12:00:00Z')),
  timespan: q.timespan(20_217_600_000_001n),
  minute: q.minute(721),
  second: q.second(43_500),
  time: q.time(43_499_123),
  null: null,

  booleans: [true, false],
  guids: q.list('guid', [GUID, null]),
  bytes: Uint8Array.of(1, 2, 255),
  shorts: q.list('short', [1, null, -3]),
  ints: q.list('int', [1, null, -3]),
  longs: [1, null, -3],
  reals: Float32Array.of(1.5, -2),
  floats: [1.5, null, -2],
  symbols: q.symbols(['a', 'b']),
  strings: ['one', 'two'],
  timestamps: q.list('timestamp', [823_178_096_789_123_456n, null]),
  months: q.list('month', [313, null]),
  dates: q.list('date', [9527, null]),
  datetimes: q.list('datetime', [9527.5, null]),
  timespans: q.list('timespan', [20_217_600_000_001n, null]),
  minutes: q.list('minute', [721, null]),
  seconds: q.list('second', [43_500, null]),
  times: q.list('time', [43_499_123, null]),

  list: [1, 'text', [true]],
  empty: [],
  dict: q.dict(q.symbols(['a', 'b']), [1, 2]),
  table: q.table({ sym: q.symbols(['a', 'b']), size: [1, 2], price: [1.5, 2.5] }),
  keyed: q.keyed({ sym: q.symbols(['a', 'b']) }, { size: [1, 2] }),
  lambda: q.lambda('{x+y}'),
  large: Array.from({ length: 300 }, (_, i) => i % 10),
}

/** What queries are answered from, and updates change. */
export interface Service {
  answer(value: unknown): unknown
  update(value: unknown): void
}

/** What clients of kdb+ are tested with: a query is the name of a function, or a list of it and its arguments. */
export function kdbService(): Service & { readonly updates: unknown[] } {
  const updates: unknown[] = []
  const functions: Record<string, (...args: never[]) => unknown> = {
    names: () => q.symbols(Object.keys(VALUES)),
    get: (name: string) => VALUES[name],
    add: (a: number, b: number) => a + b,
    echo: (value: unknown) => value,
    fail: (text: string) => {
      throw new Error(text)
    },
    updates: () => updates.length,
  }
  return {
    updates,
    answer(value) {
      const [name, ...args] = Array.isArray(value) ? value : [value]
      const call = typeof name === 'string' && Object.hasOwn(functions, name) ? functions[name] : undefined
      if (!call) throw new Error(`no function ${String(name)}`)
      return call(...(args as never[]))
    },
    update: (value) => updates.push(value),
  }
}
