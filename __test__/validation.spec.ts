import { createServer } from 'node:http'
import test from 'ava'
import {
  cloneRequests,
  configure,
  memoryOf,
  QcloneError,
  type Settings,
  type UndoOptions,
  unload,
} from 'node-qclone'

const DEFAULTS = {
  maxClones: 64,
  maxStalledClones: 128,
  maxQueue: Number.POSITIVE_INFINITY,
  memoryPerClone: 64 << 20,
  readyTimeout: 5000,
  spawnTimeout: 1000,
  forkTimeout: 30_000,
  maxAnswerBytes: 1 << 30,
  inline: false,
  vouchFor: [],
}

test.serial('configure gives the settings in force, and leaves out what is left out', (t) => {
  t.deepEqual({ ...configure() }, DEFAULTS)
  t.deepEqual({ ...configure({ spawnTimeout: 5 }) }, { ...DEFAULTS, spawnTimeout: 5 })
  t.deepEqual({ ...configure({ forkTimeout: 0 }) }, { ...DEFAULTS, spawnTimeout: 5, forkTimeout: 0 })
  t.deepEqual({ ...configure(DEFAULTS) }, DEFAULTS)
})

const refused = test.macro({
  title: (_, changes: unknown) => `configure refuses ${JSON.stringify(changes)}`,
  exec(t, changes: unknown, instanceOf: ErrorConstructor, message: RegExp) {
    t.throws(() => configure(changes as Partial<Settings>), { instanceOf, message })
    t.deepEqual({ ...configure() }, DEFAULTS)
  },
})

test.serial(
  refused,
  { spawntimeout: 1 },
  TypeError,
  /among maxClones, .*spawnTimeout, forkTimeout, maxAnswerBytes, inline, vouchFor, got `spawntimeout`/,
)
test.serial(refused, { spawnTimeout: 1, other: 1 }, TypeError, /got `other`/)
test.serial(refused, { spawnTimeout: '1' }, TypeError, /`spawnTimeout` to be a number, got `'1'` \(string\)/)
test.serial(refused, { spawnTimeout: null }, TypeError, /got `null` \(object\)/)
test.serial('configure refuses what is undefined', (t) => {
  t.throws(() => configure({ forkTimeout: undefined } as unknown as Settings), { instanceOf: TypeError })
})
test.serial(
  refused,
  { forkTimeout: -1 },
  RangeError,
  /`forkTimeout` to be a finite number of at least 0, got `-1`/,
)
test.serial('configure refuses NaN and Infinity', (t) => {
  t.throws(() => configure({ forkTimeout: Number.NaN }), { instanceOf: RangeError, message: /got `NaN`/ })
  t.throws(() => configure({ forkTimeout: Number.POSITIVE_INFINITY }), { instanceOf: RangeError })
})
test.serial(refused, { spawnTimeout: 7, forkTimeout: -1 }, RangeError, /`forkTimeout`/)
// A timer that is told to wait longer does not wait at all.
for (const name of ['readyTimeout', 'spawnTimeout', 'forkTimeout']) {
  test.serial(refused, { [name]: 2 ** 31 }, RangeError, /to be at most 2147483647, got `2147483648`/)
}
test.serial(refused, { maxClones: 0 }, RangeError, /`maxClones` to be a finite number of at least 1/)
test.serial(refused, { maxClones: 1.5 }, RangeError, /`maxClones` to be an integer/)
test.serial(refused, { maxQueue: -1 }, RangeError, /`maxQueue`/)
test.serial(refused, { memoryPerClone: 'all' }, TypeError, /`memoryPerClone` to be a number/)
test.serial(refused, { readyTimeout: 0 }, RangeError, /`readyTimeout`/)
test.serial(refused, { inline: 1 }, TypeError, /`inline` to be a boolean/)
test.serial(refused, { vouchFor: 'libvips' }, TypeError, /`vouchFor` to be an array, got `'libvips'`/)
test.serial(refused, { vouchFor: ['libvips', 1] }, TypeError, /`vouchFor\[1\]` to be a string, got `1`/)
test.serial('what is done to an array given to configure changes no setting', (t) => {
  const vouchFor = ['libvips']
  configure({ vouchFor })
  vouchFor.push('other')
  t.deepEqual(configure().vouchFor, ['libvips'])
  configure(DEFAULTS)
})
test.serial(refused, null, TypeError, /the options to be an object, got `null`/)
test.serial(refused, 5, TypeError, /the options to be an object, got `5`/)

test('a server is not given back by options that are wrong', (t) => {
  const server = createServer()
  const undo = cloneRequests(server)
  const wrong = [
    [{ closing: true }, /the options to be among close, got `closing`/],
    [{ close: 'no' }, /`close` to be a boolean, got `'no'`/],
    [5, /the options to be an object, got `5`/],
    [null, /the options to be an object, got `null`/],
  ] as const
  for (const [options, message] of wrong) {
    for (const act of [undo, unload]) {
      t.throws(() => act(options as unknown as UndoOptions), { instanceOf: TypeError, message })
      t.true(Object.hasOwn(server, 'emit'))
    }
  }
  undo({ close: true })
  t.false(Object.hasOwn(server, 'emit'))
})

test('memoryOf tells the memory of this process in bytes', (t) => {
  const { rss, pss, uss, swap } = memoryOf()
  t.true(rss >= pss && pss >= uss && uss > 1 << 20, JSON.stringify({ rss, pss, uss }))
  t.true(swap >= 0)
  t.deepEqual(Object.keys(memoryOf(process.pid)).toSorted(), ['pss', 'rss', 'swap', 'uss'])
})

test('memoryOf refuses what is no pid', (t) => {
  const call = (pid: unknown) => () => memoryOf(pid as number)
  t.throws(call('1'), { instanceOf: TypeError, message: /^Expected `pid` to be a number/ })
  t.throws(call(null), { instanceOf: TypeError })
  for (const pid of [0, -1, Number.NaN, 1.5, 2 ** 40]) {
    t.throws(call(pid), { instanceOf: RangeError, message: /^Expected `pid` to be/ }, String(pid))
  }
})

test('memoryOf throws an error when there is no such process', (t) => {
  // Above the highest that Linux gives.
  t.throws(() => memoryOf(2 ** 22 + 1), {
    instanceOf: QcloneError,
    code: 'ERR_QCLONE_PROC_UNREADABLE',
    message: /4194305/,
  })
})
