import { availableParallelism } from 'node:os'
import test from 'ava'
import { runScript } from './helpers/fixture.js'

const alone = process.arch === 'x64' && availableParallelism() > 1 ? test : test.skip

alone('as long as memory is shared with clones, one thread collects young objects', async (t) => {
  const nodeArgs = ['--trace-gc', '--trace-parallel-scavenge']
  const { stdout, stderr, code } = await runScript('../fixtures/scavenges.js', { nodeArgs })
  t.deepEqual([stderr, code], ['', 0])
  const parallel = new Map(
    stdout
      .split('== over\n')
      .filter((part) => part.includes('== '))
      .map((part) => {
        const [, where = '', traces = ''] = /== (.*)\n([\s\S]*)$/.exec(part) ?? []
        const count = (what: RegExp) => traces.match(what)?.length ?? 0
        const collections = count(/ms: Scavenge /g)
        t.true(collections > 0, part)
        return [where, count(/\bscavenge\[/g) > collections]
      }),
  )
  t.deepEqual(Object.fromEntries(parallel), {
    before: true,
    'beside a clone': false,
    after: true,
    'in a clone': false,
    'beside the second clone': false,
  })
})
