import test from 'ava'
import { runScript } from './helpers/fixture.js'

/** `npm run soak -- exchanges` plays far more. */
const EXCHANGES = 1500
const DEADLINE_MS = 180_000

test('servers that clone answer random exchanges as plain Node does, but for what is documented', async (t) => {
  t.timeout(DEADLINE_MS + 10_000)
  const { stdout, stderr } = await runScript('../../soak/exchanges.js', {
    args: ['--exchanges', `${EXCHANGES}`, '--seed', '7', '--jobs', '1', '--minutes', '2', '--json'],
    deadlineMs: DEADLINE_MS,
  })
  t.true(stdout.startsWith('{'), stderr)
  const { exchanges, failures, unexplained, uncaught, died, foreign, hung, left } = JSON.parse(stdout)
  t.deepEqual(failures, {})
  t.deepEqual(
    { unexplained, uncaught, died, foreign, hung },
    { unexplained: 0, uncaught: 0, died: 0, foreign: 0, hung: 0 },
  )
  t.deepEqual(
    left.map(({ cloning }: { cloning: { clones: number; connections: number } }) => [
      cloning.clones,
      cloning.connections,
    ]),
    [[0, 0]],
  )
  t.true(exchanges >= EXCHANGES, stdout)
})
