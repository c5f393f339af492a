import test from 'ava'
import { HandlerChain } from 'node-qclone'
import { playScene, runFixture } from './helpers/fixture.js'

/** A chain with three shims, which log their names around `prev`. */
function threeShims() {
  const log: string[] = []
  const chain = new HandlerChain<[value: string]>('test')
  const undo = Object.fromEntries(
    ['a', 'b', 'c'].map((name) => [
      name,
      chain.shim((prev, value) => {
        log.push(`${name}:${value}`)
        prev(value)
        log.push(`/${name}`)
      }),
    ]),
  )
  const called = (value = 'x') => {
    log.length = 0
    chain.call(value)
    return log.join(' ')
  }
  return { chain, undo, called }
}

test('a shim stands before those that were there, and calls them by prev', (t) => {
  t.is(threeShims().called(), 'c:x b:x a:x /a /b /c')
})

const undone = test.macro({
  title: (_, order: string) => `shims can be undone in the order ${order}`,
  exec(t, order: string) {
    const { undo, called } = threeShims()
    let left = 'cba'
    for (const name of order) {
      undo[name]?.()
      left = left.replace(name, '')
      const entered = [...called().matchAll(/(\w):x/g)].map(([, name]) => name).join('')
      t.is(entered, left)
    }
  },
})

for (const order of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) test(undone, order)

test('undoing twice does nothing, even when the same function was put there again', (t) => {
  const chain = new HandlerChain<[]>('test')
  let calls = 0
  const shim = () => {
    calls++
  }
  const undo = chain.shim(shim)
  undo()
  chain.shim(shim)
  undo()
  chain.call()
  t.is(calls, 1)
})

test('a shim that does not call prev hides those behind it', (t) => {
  const { chain, called } = threeShims()
  const undo = chain.shim(() => {})
  t.is(called(), '')
  undo()
  t.is(called(), 'c:x b:x a:x /a /b /c')
})

test('a shim may pass other arguments on', (t) => {
  const { chain, called } = threeShims()
  chain.shim((prev, value) => prev(value.toUpperCase()))
  t.is(called('y'), 'c:Y b:Y a:Y /a /b /c')
})

test('a handler may undo itself and add others while it is called', (t) => {
  const chain = new HandlerChain<[]>('test')
  const log: string[] = []
  chain.shim(() => log.push('first'))
  const undo = chain.shim((prev) => {
    undo()
    chain.shim((prev) => {
      log.push('added')
      prev()
    })
    prev()
  })
  chain.call()
  t.deepEqual(log, ['first'])
  chain.call()
  t.deepEqual(log, ['first', 'added', 'first'])
})

test('what is no function cannot be a shim', (t) => {
  const chain = new HandlerChain<[]>('test')
  t.throws(() => chain.shim('f' as unknown as () => void), {
    instanceOf: TypeError,
    message: "Expected `shim` to be a function, got `'f'` (string)",
  })
})

test('newClone is told before spawn returns, oldClone how the clone ended', async (t) => {
  t.deepEqual(await playScene(t, 'handlers', 'told'), {
    'before spawn returned': true,
    'not yet at run': 4,
    log: [
      ['newClone', 'spawn', true, true],
      ['oldClone', 'spawn', true, 7],
      ['newClone', 'spawn', true, true],
      ['oldClone', 'spawn', true, 'SIGKILL'],
      ['newClone', 'run', true, true],
      ['oldClone', 'run', true, 0],
    ],
  })
})

test('forkFailed is told of a refusal, and so is the caller', async (t) => {
  t.deepEqual(await playScene(t, 'handlers', 'of a refusal'), {
    'spawn told': 1,
    codes: ['ERR_QCLONE_THREADS', 'ERR_QCLONE_THREADS'],
    log: [
      ['QcloneError', 'ERR_QCLONE_THREADS', 'spawn'],
      ['QcloneError', 'ERR_QCLONE_THREADS', 'run'],
    ],
  })
})

test('inClone is called first, and once, in every kind of clone', async (t) => {
  const first = (kind: string, next: string) => ['inClone', kind, true, next]
  t.deepEqual(await playScene(t, 'handlers', 'in every clone'), {
    spawn: first('spawn', 'inSpawn'),
    run: first('run', 'inSpawn'),
    'run of a clone': first('run', 'inSpawn'),
    cloned: first('run', 'inSpawn'),
    stream: first('stream', 'inSpawn'),
    resident: first('resident', 'inSpawn'),
    request: first('request', 'inRequest'),
    offload: first('offload', 'inOffload'),
    session: first('session', 'inSession'),
    query: first('query', 'inQuery'),
    'in the parent': [],
  })
})

test('inClone can end its clone, and is not called inline', async (t) => {
  t.deepEqual(await playScene(t, 'handlers', 'ends its clone'), {
    spawn: 9,
    run: ['ERR_QCLONE_START_FAILED', 9],
  })
  t.deepEqual(await playScene(t, 'handlers', 'inline', { env: { QCLONE: 'inline' } }), { called: false })
})

test('inSpawn is called in the clone, before the function', async (t) => {
  t.deepEqual(await playScene(t, 'handlers', 'in the clone'), {
    run: ['run, clone'],
    spawn: ['spawn, clone'],
    status: 0,
    'in the parent': [],
  })
})

test('a handler that throws breaks nothing where stderr cannot be written', async (t) => {
  const wrapper = ['bash', '-c', 'exec "$@" 2</dev/null', 'bash']
  t.deepEqual(await playScene(t, 'handlers', 'throwing', { wrapper }), {
    status: 7,
    value: 'value',
    another: 8,
  })
})

test('a handler that throws is reported on stderr, and breaks nothing', async (t) => {
  const { told, stderr, code } = await runFixture('handlers', 'throwing')
  t.is(code, 0)
  t.like(told, { status: 7, value: 'value', another: 8 })
  for (const name of ['newClone', 'oldClone', 'inClone', 'inSpawn']) {
    const line = `qclone: a handler of ${name} threw Error: the handler of ${name} failed`
    t.is(stderr.split(line).length - 1, 3, `${name}: ${stderr}`)
  }
  t.false(stderr.includes('forkFailed'))
})
