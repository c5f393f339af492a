import test from 'ava'
import { runScript } from './helpers/fixture.js'

const FORKS = 40
/** On a machine that is busy with other tests; one that is not takes a fifth of it. */
const DEADLINE_MS = 300_000

test('clones of a parent that collects and compiles all the time neither hang, fail nor answer wrong', async (t) => {
  t.timeout(DEADLINE_MS + 10_000)
  const { stdout, stderr } = await runScript('../../soak/stress.js', {
    args: ['--forks', String(FORKS), '--json'],
    deadlineMs: DEADLINE_MS,
  })
  t.true(stdout.startsWith('{'), stderr)
  const { forks, hangs, wrongAnswers, nonZeroExits } = JSON.parse(stdout)
  t.deepEqual({ hangs, wrongAnswers, nonZeroExits }, { hangs: 0, wrongAnswers: 0, nonZeroExits: 0 }, stderr)
  t.true(forks >= FORKS, `${forks} forks`)
})
