import test from 'ava'
import { type Call, Queue } from '#dist/parent/queue.js'

type Named = Call & { name: string }

function callOf(name: string, client?: Call['client']): Named {
  return { name, client, enter: () => {}, reject: () => {} }
}

const task = (name: string) => callOf(name)
const known = (name: string) => callOf(name, { standing: 'known', address: '10.0.0.1' })
const fresh = (name: string, address = '10.0.0.1') => callOf(name, { standing: 'new', address })

function queueOf(...calls: Named[]): Queue {
  const queue = new Queue()
  for (const call of calls) queue.add(call)
  return queue
}

/** Takes calls out until none may enter. */
function takeFrom(queue: Queue, mayEnter: (call: Named) => boolean = () => true): string[] {
  const names: string[] = []
  for (;;) {
    const call = queue.take((one) => mayEnter(one as Named))
    if (!call) return names
    names.push((call as Named).name)
  }
}

test('tasks and known clients come in order', (t) => {
  t.deepEqual(takeFrom(queueOf(task('a'), known('b'), task('c'))), ['a', 'b', 'c'])
})

test('new clients come after them, but each fourth place is theirs', (t) => {
  const queue = queueOf(fresh('x'), fresh('y'), ...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(known))
  t.deepEqual(takeFrom(queue), ['a', 'b', 'c', 'x', 'd', 'e', 'f', 'y', 'g'])
})

test('what comes before any new client does not count for its turn', (t) => {
  const queue = queueOf(...['a', 'b', 'c', 'd'].map(known))
  takeFrom(queue)
  for (const call of [fresh('x'), known('e')]) queue.add(call)
  t.deepEqual(takeFrom(queue), ['e', 'x'])
})

test('addresses of new clients take turns', (t) => {
  const queue = queueOf(
    fresh('a1', 'a'),
    fresh('a2', 'a'),
    fresh('a3', 'a'),
    fresh('b1', 'b'),
    fresh('b2', 'b'),
  )
  t.deepEqual(takeFrom(queue), ['a1', 'b1', 'a2', 'b2', 'a3'])
})

test('calls that may not enter wait, and let others pass', (t) => {
  const queue = queueOf(fresh('x'), known('a'), fresh('y'))
  const isKnown = ({ client }: Named) => client?.standing === 'known'
  t.deepEqual(takeFrom(queue, isKnown), ['a'])
  t.is(queue.size, 2)
  t.deepEqual(takeFrom(queue), ['x', 'y'])
})

test('a call can be removed', (t) => {
  const [a, x, y] = [known('a'), fresh('x'), fresh('y', 'b')] as const
  const queue = queueOf(a, x, y)
  queue.delete(a)
  queue.delete(x)
  queue.delete(x)
  t.deepEqual([queue.has(a), queue.has(x), queue.has(y), queue.size], [false, false, true, 1])
  t.deepEqual(takeFrom(queue), ['y'])
  t.is(queue.size, 0)
})

test('all calls can be removed at once', (t) => {
  const calls = [known('a'), fresh('x'), fresh('y', 'b')]
  const queue = queueOf(...calls)
  t.deepEqual(queue.takeAll(), calls)
  t.deepEqual([queue.size, takeFrom(queue)], [0, []])
})
