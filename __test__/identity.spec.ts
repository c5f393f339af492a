import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('no source of randomness repeats in parent and clones', async (t) => {
  t.deepEqual(await playScene(t, 'identity', 'randomness'), {
    'Math.random': 0,
    randomUUID: 0,
    'crypto.randomUUID': 0,
    randomInt: 0,
    randomBytes: 0,
    getRandomValues: 0,
  })
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
