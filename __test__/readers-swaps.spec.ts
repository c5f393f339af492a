import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('over many generations, each request is answered once, in order, and from a young snapshot', async (t) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'under load'), {
    wrong: [],
    answers: true,
    'deferred, lost': [0, 0],
  })
})

const cut = test.macro({
  title: (_, what: string) => `a ${what} request that is cut anywhere by a new generation is answered`,
  async exec(t, what: string) {
    t.deepEqual(await playScene(t, 'readers-swaps', 'cut anywhere', { args: [what] }), { wrong: [] })
  },
})

test(cut, 'get')
test(cut, 'sized')
test(cut, 'chunked')

test('a client that moves counts once', async (t) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'a client that moves'), { most: 40, another: true })
})

test('a slow answer is finished from the snapshot that it began with', async (t) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'a slow answer'), {
    parts: 20,
    'of one snapshot': 1,
    afterwards: [1, 4, 4],
  })
})

const leaves = test.macro(async (t, method: string) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'a client that leaves', { args: [method] }), {})
})

test('a handler is told that its client has left, after its reader has retired too', leaves, 'GET')
test('the handler of a forwarded request is told so, too', leaves, 'POST')

test('a client that has only ended its side gets an answer that is under way, after its reader has retired too', async (t) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'half closed'), { bytes: 16 << 20, ends: 'in order' })
})

test('a client at rest stays over generations until `keepAliveTimeout`', async (t) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'at rest'), {
    'over swaps': true,
    'in order': 'none',
    'not before': true,
  })
})

test('a client that never speaks does not stay for ever', async (t) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'a client that never speaks'), {
    'not before': true,
    'over swaps': true,
  })
})

test('a client whose body ends after its answer moves on then', async (t) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'a body after its answer'), { afterwards: 1 })
})

test('a client reads its own writes', async (t) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'read your writes'), { wrong: [] })
})

test('the parent answers a client that has written, until a generation has seen that', async (t) => {
  t.deepEqual(await playScene(t, 'readers-swaps', 'write and ask for it'), {
    'read 0': false,
    'read 1': false,
    'read 2': false,
    refreshed: true,
    generations: 2,
  })
})
