import test from 'ava'
import { playScene } from './helpers/fixture.js'

test("a timer of the parent's fires in no clone, whatever its function is called", async (t) => {
  t.deepEqual(await playScene(t, 'clocks', 'names'), { ghosts: [], 'in the parent': 4 })
})

test("requests of the parent's time out in the parent alone, and those behind them are sent once", async (t) => {
  t.deepEqual(await playScene(t, 'clocks', 'requests that time out'), {
    'in the parent': ['UND_ERR_HEADERS_TIMEOUT', 'paid', 'paid'],
    arrived: ['/1', '/2', '/3'],
  })
})

test("a clock of undici's that a bundle has goes on in a clone, without what the parent has set", async (t) => {
  const of = (who: string) => [`${who} of undici 5, clone`, `${who} of undici 7, clone`]
  t.deepEqual(await playScene(t, 'clocks', 'bundled'), {
    'in the clone': [...of('first'), ...of('second')],
    'in the parent': ["parent's of undici 5, parent", "parent's of undici 7, parent"],
  })
})

test("a timer of the parent's is as one that has fired: refresh() starts it, and nothing waits for it", async (t) => {
  t.deepEqual(await playScene(t, 'clocks', 'started again'), {
    'in the clone': {
      has: [true, false],
      fired: ['interval, clone', 'timeout, clone', 'unreferenced, clone'],
    },
    'on its end': false,
    'ends by itself': 13,
    'in the parent': ['cleared, parent', 'timeout, parent', 'unreferenced, parent'],
  })
})

test('fetch goes through the dispatcher that the parent has set, over connections of its own', async (t) => {
  const seen = { inParent: 'secret', inClone: ['secret', 'secret'], 'connects anew': true }
  t.deepEqual(await playScene(t, 'clocks', 'dispatchers'), {
    'with an interceptor': seen,
    'within another': seen,
    'of a class of its own': seen,
  })
})

test("an agent's connections are used again, but for those of the parent's", async (t) => {
  t.deepEqual(await playScene(t, 'clocks', 'agents'), {
    'made in a clone': 1,
    'of a class of its own': 1,
    'without one put into it': 1,
    "the parent's": 1,
  })
})
