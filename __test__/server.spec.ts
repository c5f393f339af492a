import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('an HTTP server of the parent goes on serving while clones come and go, its connections unharmed', async (t) => {
  t.deepEqual(await playScene(t, 'server', 'goes on'), {
    'answered by the parent alone': true,
    requests: 41,
    accepted: 1,
    'connection ended': false,
  })
})

test('a request handler can answer from a clone', async (t) => {
  t.deepEqual(await playScene(t, 'server', 'clones in its handler'), {
    'right answers': 20,
    processes: 21,
    'connections ended': [false, false],
  })
})

test('an answer that the parent is in the midst of sending arrives whole', async (t) => {
  const told = await playScene(t, 'server', 'half-sent answers')
  t.deepEqual(told, { clones: [0, 1, 2, 3, 4].map((i) => [i, 0]), length: 16 << 20, whole: true })
})

test('a clone can be a client of its parent', async (t) => {
  t.deepEqual(await playScene(t, 'server', 'a client of the clone'), { answer: 'from the parent' })
})
