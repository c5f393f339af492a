import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('code caches of plain node and of clones are accepted in each other', async (t) => {
  t.deepEqual(await playScene(t, 'code-caches', 'scripts'), {
    'of plain node, in a clone': true,
    'of a clone, in another': true,
    'of a clone, in the parent': true,
    'of a clone, in plain node': 'true',
  })
})

test('V8 knows of no flag that clones set', async (t) => {
  t.deepEqual(await playScene(t, 'code-caches', 'tags'), {
    run: true,
    spawn: 1,
    'a clone of a clone': true,
    parent: true,
    'a clone without a worker': true,
    'WebAssembly, with nothing else to do': true,
  })
})

test('flags that a parent has set stay, and are its clones’', async (t) => {
  t.deepEqual(await playScene(t, 'code-caches', 'flags of the parent'), {
    reset: true,
    clone: true,
    parent: true,
  })
})
