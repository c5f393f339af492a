import { fileURLToPath } from 'node:url'
import test from 'ava'
import { runScript } from './helpers/fixture.js'

const BROKEN = fileURLToPath(new URL('../../conformance/broken', import.meta.url))
const DEADLINE_MS = 240_000
/** Until a program counts as hung, on a machine that is busy with other tests. */
const HUNG_S = 8

interface Verdict {
  program: string
  way: string
  differences: Array<{ what: string; got: string }>
}

test('a program that is not in a clone what it is in node fails the conformance run', async (t) => {
  t.timeout(DEADLINE_MS + 10_000)
  const args = ['--programs', BROKEN, '--deadline', String(HUNG_S), '--json']
  const { code, stdout, stderr } = await runScript('../../conformance/main.js', {
    args,
    deadlineMs: DEADLINE_MS,
  })
  t.is(code, 1, stderr)
  t.true(stdout.startsWith('{'), stderr)
  const { verdicts } = JSON.parse(stdout) as { verdicts: Verdict[] }
  const found: Record<string, string[]> = {}
  for (const { program, way, differences } of verdicts) {
    if (differences.length === 0) continue
    found[program] ??= []
    found[program].push(`${way}: ${differences.map(({ what }) => what)}`)
  }
  t.deepEqual(found, {
    'differs-in-error.mjs': ['quiet: uncaught error', 'busy: uncaught error'],
    'differs-in-signal.mjs': ['quiet: ending', 'busy: ending'],
    'differs-in-status.mjs': ['quiet: ending', 'busy: ending'],
    'differs-in-stderr.mjs': ['quiet: stderr', 'busy: stderr'],
    'differs-in-stdout.mjs': ['quiet: stdout', 'busy: stdout'],
    'differs-when-busy.mjs': ['busy: stdout'],
    'fails-in-node.mjs': ['plain: ending,stderr'],
    'hangs-in-clone.mjs': ['quiet: trouble,ending', 'busy: trouble,ending'],
    'leaves-file.mjs': ['plain: trouble', 'quiet: trouble', 'busy: trouble'],
    'leaves-process.mjs': ['plain: trouble', 'quiet: trouble', 'busy: trouble'],
    'prints-nothing.mjs': ['plain: stdout'],
    'spins-in-clone.mjs': ['quiet: trouble,ending', 'busy: trouble,ending'],
  })
})
