import test from 'ava'
import { playScene } from './helpers/fixture.js'

const DOORS = {
  'in this process': [true, 1, false],
  check: { ok: true },
  'a copy': true,
  'cannot travel': 'ERR_QCLONE_UNSERIALIZABLE',
  thrown: ['RangeError', 'kept'],
  asynchronous: 2,
  deadline: 'ERR_QCLONE_TIMEOUT',
  aborted: 'ERR_QCLONE_ABORTED',
  progress: ['half'],
  'each reports to its own': ['a a', 'b b'],
  'aborted before': [['ERR_QCLONE_ABORTED', 'ERR_QCLONE_ABORTED'], false],
  'at the end of the turn': 'later',
  spawn: [7, true, false, true],
  'spawn without a status': 255,
  stream: [0, 1, 2],
  resident: 'hello!',
  stopped: [0, true],
  clones: [],
  events: ['new spawn', 'old spawn 7', 'new spawn', 'old spawn 255', 'new resident', 'old resident 0'],
}

test('inline, everything runs in this process and forks nothing', async (t) => {
  t.deepEqual(await playScene(t, 'inline', 'doors', { args: ['configured'] }), DOORS)
  t.deepEqual(await playScene(t, 'inline', 'doors', { env: { QCLONE: 'inline' } }), DOORS)
})

test('whatever puts a listener on a port gets what it holds, and what it holds up', async (t) => {
  const all = [100, 0, 99]
  t.deepEqual(await playScene(t, 'inline', 'messages that are held'), {
    on: all,
    addListener: all,
    prependListener: all,
  })
})

test('inline, an error of a spawned function is printed', async (t) => {
  t.is((await playScene(t, 'inline', 'spawn that throws', { noisy: true })).status, 1)
})

test('a mode that there is not is refused', async (t) => {
  const told = await playScene(t, 'inline', 'an unknown mode', { env: { QCLONE: 'off' } })
  t.is(told.run, 'Expected the environment variable `QCLONE` to be `inline` or unset, got `off`')
})
