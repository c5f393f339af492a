import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('no source of randomness repeats in parent, clones and clones of clones', async (t) => {
  t.deepEqual(await playScene(t, 'identity', 'randomness'), {
    'Math.random': 0,
    'a reference to Math.random': 0,
    randomUUID: 0,
    'crypto.randomUUID': 0,
    randomInt: 0,
    randomBytes: 0,
    getRandomValues: 0,
  })
})

test('a Math.random that somebody has replaced is left alone', async (t) => {
  t.deepEqual(await playScene(t, 'identity', 'Math.random of others'), { 'left alone': [true, 0.5] })
})

test('a clone has its own pid, parent and title', async (t) => {
  t.deepEqual(await playScene(t, 'identity', 'process'), { 'own pid': true, ppid: true, title: [true, true] })
})

test('the standard input of a clone is empty', async (t) => {
  t.deepEqual(
    await playScene(t, 'identity', 'standard input', {
      wrapper: ['sh', '-c', 'echo text | exec "$@"', 'sh'],
    }),
    {
      'by run': '',
      'by spawn': 0,
    },
  )
})
