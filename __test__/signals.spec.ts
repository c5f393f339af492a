import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('a signal to the whole group leaves what is under way to the parent', async (t) => {
  const whole = ['whole', 'whole', 'whole']
  t.deepEqual(await playScene(t, 'signals', 'to the group'), {
    SIGTERM: whole,
    SIGINT: whole,
    SIGHUP: whole,
    ends: ['query,0', 'request,0', 'session,0'],
  })
})

test('a clone that serves heeds what its parent sends by this library', async (t) => {
  t.deepEqual(await playScene(t, 'signals', 'of the parent', { noisy: true }), {
    'by the library': 500,
    'a handler': 'a handler of its own',
    ends: ['SIGTERM', 0],
  })
})

test('clones that serve nobody, or are told to, end by a signal to the group', async (t) => {
  t.deepEqual(await playScene(t, 'signals', 'not ignored', { noisy: true }), {
    request: 500,
    run: 'ERR_QCLONE_DIED',
    'a clone of a clone': 'ERR_QCLONE_DIED',
    'the parent': [true, false],
  })
})
