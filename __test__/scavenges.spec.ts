import { availableParallelism } from 'node:os'
import test from 'ava'
import { runScript } from './helpers/fixture.js'

const alone = process.arch === 'x64' && availableParallelism() > 1 ? test : test.skip

alone('as long as memory is shared with clones, one thread collects young objects', async (t) => {
  const nodeArgs = ['--trace-gc', '--trace-parallel-scavenge']
  const { stdout, stderr, code } = await runScript('../fixtures/scavenges.js', { nodeArgs })
  t.deepEqual([stderr, code], ['', 0])
  const parts = stdout.split('== over\n').filter((part) => part.includes('== '))
  const parallel = parts.map((part) => {
    const [, where = '', traces = ''] = /== (.*)\n([\s\S]*)$/.exec(part) ?? []
    const collections = traces.split('ms: Scavenge ')
    t.true(collections.length > 1, part)
    return [where, collections.some(isBySeveral)]
  })
  t.deepEqual(Object.fromEntries(parallel), {
    before: true,
    'beside a clone': false,
    after: true,
    'in a clone': false,
    'beside the second clone': false,
  })
})

/**
Whether a collection had several collectors at a time. V8 tells what each has copied and promoted at its end. A single one
may end and be taken up again by another thread, and counts on.
*/
function isBySeveral(traces: string): boolean {
  let [copied, promoted] = [0, 0]
  for (const [, copies, promotions] of traces.matchAll(/copied=(\d+) promoted=(\d+)/g)) {
    if (Number(copies) < copied || Number(promotions) < promoted) return true
    ;[copied, promoted] = [Number(copies), Number(promotions)]
  }
  return false
}
