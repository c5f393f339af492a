import test from 'ava'
import { runScript } from './helpers/fixture.js'

const MESSAGES = 50_000
const DEADLINE_MS = 120_000

test('of messages that are wrong nothing comes but a ProtocolError, in time, and no memory is kept', async (t) => {
  t.timeout(DEADLINE_MS + 10_000)
  // Others than those of the long run.
  const { stdout, stderr } = await runScript('../../soak/fuzz.js', {
    args: ['--messages', String(MESSAGES), '--seed', '20', '--json'],
    deadlineMs: DEADLINE_MS,
  })
  t.true(stdout.startsWith('{'), stderr)
  const { failure, met, kdb, ndjson } = JSON.parse(stdout)
  t.is(failure, undefined)
  t.true(met, stdout)
  t.is(kdb.messages + ndjson.messages, MESSAGES)
  // Both what is right and what is wrong was among them.
  for (const { messages, received, refused } of [kdb, ndjson]) {
    t.true(received > messages / 4 && refused > messages / 4, stdout)
  }
})
