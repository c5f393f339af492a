import test from 'ava'
import { type RunningRdb, startRdb } from '../harness/clients/rdb.js'
import { askChecks, askJson, consistencyOf, consistent, openKdb, sayJson } from './clients/rdb-clients.js'

const ROWS = 20_000
const READERS = 2
const LOGIN = { user: 'reader', password: 'secret' } as const

let rdb: RunningRdb

test.before(async () => {
  const login = ['--user', LOGIN.user, '--password', LOGIN.password]
  rdb = await startRdb('--rows', `${ROWS}`, '--rate', '5000', '--readers', `${READERS}`, ...login)
})

test.after.always('it ends when it is told to, and nothing is left', async (t) => {
  const { code, signal, left, troubles, stderr } = await rdb.end()
  t.deepEqual({ code, signal, left, troubles }, { code: 0, signal: null, left: '', troubles: [] }, stderr)
})

/** Asks until readers serve: before that, the parent does. */
async function untilRead(): Promise<void> {
  for (;;) {
    const [reply] = await sayJson(rdb.ports.json, { query: ['whatIf', 'ATL', 10] })
    if (reply?.error) return
  }
}

test('pages and queries are of one moment each, in which all totals hold', async (t) => {
  t.deepEqual(consistencyOf(await askChecks(rdb.ports.json, 10)), consistent(10))
  const page = await fetch(`${rdb.origin}/table/airports`)
  t.is(page.status, 200)
  t.regex(await page.text(), /ATL/)
})

test('a client that publishes sees that in its next answer, sent with it or after it', async (t) => {
  const flight = { date: '2026-01-01', origin: 'here', destination: 'there', distance: 1, delay: 7 }
  const [reply] = await sayJson<{ flights: number }>(
    rdb.ports.json,
    { update: ['upd', 'flights', [flight]] },
    { query: ['airport', 'here'], id: 1 },
  )
  t.is(reply?.result?.flights, 1)
  const client = await openKdb(rdb.ports.kdb, LOGIN.user, LOGIN.password)
  await client.publish('.u.upd', 'flights', [['2026-01-01'], ['here'], ['there'], [1], [7]])
  t.like(await client.ask('airport', 'here'), { flights: 2 })
  await client.close()
})

test('readers are clones that many queries share, and refuse what would change them', async (t) => {
  await untilRead()
  const whatIf = askJson(rdb.ports.json, ['whatIf', 'ATL', 10])
  await t.throwsAsync(whatIf, { code: 'ERR_RDB_QUERY', message: /ask it in a session/ })
  // The log of a snapshot has the readers of earlier generations.
  let clones: Array<{ kind: string; name: string }> = []
  while (!clones.some(({ kind, name }) => kind === 'reader' && name === 'ndjson query')) {
    clones = await askJson(rdb.ports.json, 'select[clones;0;500]')
  }
})
