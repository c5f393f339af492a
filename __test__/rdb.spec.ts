import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { parseCall } from '../examples/rdb/queries/parse.js'
import { browse, findChromium } from '../harness/browser/browse.js'
import { tour } from '../harness/browser/tour.js'
import { type RunningRdb, startRdb } from '../harness/clients/rdb.js'
import { HOST } from '../harness/clients/target.js'
import {
  askChecks,
  askJson,
  type Check,
  consistencyOf,
  consistent,
  openKdb,
  sayJson,
} from './clients/rdb-clients.js'
import { runScript } from './helpers/fixture.js'

interface Snapshot {
  pid: number
  version: number
}

interface Total {
  flights: number
  delay: number
  version: number
}

const ROWS = 20_000
const LOGIN = { user: 'reader', password: 'secret' } as const
const ARGS = ['--rows', `${ROWS}`, '--rate', '5000', '--user', LOGIN.user, '--password', LOGIN.password]
const PICTURE = fileURLToPath(new URL('../../.cache/screenshots/rdb-test.png', import.meta.url))

let rdb: RunningRdb

test.before(async () => {
  rdb = await startRdb(...ARGS)
})

test.after.always('it ends when it is told to, and nothing is left', async (t) => {
  const { code, signal, left, troubles, stderr } = await rdb.end()
  t.deepEqual({ code, signal, left, troubles }, { code: 0, signal: null, left: '', troubles: [] }, stderr)
  t.regex(stderr, /^.*20,000 flights loaded.*\n$/)
})

async function get(path: string): Promise<{ status: number; headers: Headers; body: string }> {
  const response = await fetch(`${rdb.origin}${path}`, { signal: AbortSignal.timeout(60_000) })
  return { status: response.status, headers: response.headers, body: await response.text() }
}

/** Clone that made a page, and version of its snapshot. */
function originOf(body: string): Snapshot {
  const [, pid] = /id="pid">(\d+)</.exec(body) ?? []
  const [, version] = /id="version" data-value="(\d+)"/.exec(body) ?? []
  return { pid: Number(pid), version: Number(version) }
}

/** Cells of the table on a page. */
function rowsOf(body: string): string[][] {
  const [, rows = ''] = /<tbody>(.*)<\/tbody>/s.exec(body) ?? []
  return [...rows.matchAll(/<tr>(.*)<\/tr>/g)].map(([, row = '']) =>
    [...row.matchAll(/<td[^>]*>(.*?)<\/td>/g)].map(([, cell = '']) => cell),
  )
}

function linkOf(body: string, rel: string): string | undefined {
  return new RegExp(`<a rel="${rel}" href="([^"]*)"`).exec(body)?.[1]?.replaceAll('&amp;', '&')
}

test('each page is made by a clone of its own; what never changes is served by the parent', async (t) => {
  const pages = await Promise.all(['/', '/', '/table/flights', '/query', '/query/tables'].map(get))
  t.deepEqual(
    pages.map(({ status }) => status),
    [200, 200, 200, 200, 200],
  )
  const pids = pages.map(({ body }) => originOf(body).pid)
  t.is(new Set([rdb.pid, ...pids]).size, 6)
  t.is((await get('/health')).body, 'ok\n')
  t.regex((await get('/style.css')).body, /--accent/)
  const clones = await askJson<Array<{ pid: number; name: string }>>(rdb.ports.json, 'select[clones;0;500]')
  t.true(pids.every((pid) => clones.some((clone) => clone.pid === pid)))
  t.false(clones.some(({ name }) => /health|style/.test(name)))
})

test('no page may run or load anything but its stylesheet', async (t) => {
  for (const path of ['/', '/table/flights', '/query', '/nowhere', '/table/flights?from=x']) {
    const { headers, body } = await get(path)
    t.is(
      headers.get('content-security-policy'),
      "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    t.is(headers.get('x-content-type-options'), 'nosniff')
    t.is(headers.get('cache-control'), 'no-store')
    t.notRegex(body, /<script|<style|\sstyle=|\son[a-z]+=/)
  }
})

test('a table is paged through by links, of which each holds all there is to know', async (t) => {
  let { body } = await get('/table/flights?from=0&rows=500')
  t.is(linkOf(body, 'prev'), undefined)
  const seen = rowsOf(body).map(([flight]) => Number(flight))
  for (let i = 0; i < 3; i++) {
    body = (await get(linkOf(body, 'next') ?? '')).body
    seen.push(...rowsOf(body).map(([flight]) => Number(flight)))
  }
  t.deepEqual(
    seen,
    Array.from({ length: 2000 }, (_, i) => i),
  )
  t.is(linkOf(body, 'prev'), '/table/flights?from=1000&rows=500')
  const last = (await get('/table/airports?from=0&rows=1')).body
  const airports = (await get(linkOf(last, 'last') ?? '')).body
  t.is(rowsOf(airports).length, 1)
})

test('a table is sorted by a column', async (t) => {
  const { body } = await get('/table/flights?from=20&rows=100&sort=-distance')
  const distances = rowsOf(body).map((row) => Number(row[4]))
  t.is(distances.length, 100)
  t.deepEqual(
    distances,
    distances.toSorted((a, b) => b - a),
  )
  t.is(linkOf(body, 'next'), '/table/flights?from=120&rows=100&sort=-distance')
})

const statuses = test.macro({
  exec: async (t, path: string, status: number, words: RegExp) => {
    const page = await get(path)
    t.is(page.status, status)
    t.regex(page.body, words)
    t.regex(page.body, /answered by clone/)
  },
  title: (_, path) => `GET ${path}`,
})

test(statuses, '/table/flights?from=1000000000', 200, /No rows here/)
test(statuses, '/table/flights?from=-1', 400, /Expected from to be a whole number/)
test(statuses, '/table/flights?rows=1001', 400, /Expected rows to be a whole number from 1 to 1000/)
test(statuses, '/table/flights?sort=nope', 400, /Expected a column of flights to sort by/)
test(statuses, '/table/nope', 404, /There is no table nope/)
test(statuses, '/table/nope.csv', 404, /There is no table nope\.csv/)
test(statuses, '/table/%E0%A4%A', 404, /There is no table/)
test(statuses, '/table/__proto__', 404, /There is no table __proto__/)
test(statuses, '/query/constructor', 404, /There is no query constructor/)
test(statuses, '/query/count', 200, /<form class="query"/)
test(statuses, '/query/count?table=flights', 200, />\d{2},\d{3}</)
test(statuses, '/query/count?table=', 400, /Expected table of count to be given/)
test(statuses, '/query/select?table=airports&from=0&n=3&sort=-flights', 200, /3 rows, evaluated in/)
test(statuses, '/query?text=busiest[3]', 200, /3 rows, evaluated in/)
test(statuses, '/query?text=nope', 400, /Expected one of the queries tables, count, meta/)
test(statuses, '/query?text=js:1%2B1', 400, /Expected/)
test(statuses, '/a/b/c/d', 404, /There is nothing here/)

test('nothing of what clients send becomes markup', async (t) => {
  const hostile = `<b>"'&x`
  const escaped = '&lt;b&gt;&quot;&#39;&amp;x'
  const flight = { date: '2026-01-01', origin: hostile, destination: hostile, distance: 1, delay: 1 }
  await sayJson(rdb.ports.json, { update: ['upd', 'flights', [flight]] })
  const encoded = encodeURIComponent(hostile)
  const pages = [
    '/table/airports?rows=1000&sort=airport',
    `/table/${encoded}`,
    `/table/flights?sort=${encoded}`,
    `/query/${encoded}`,
    `/query/airport?origin=${encoded}`,
    `/query?text=${encodeURIComponent(`count "${hostile.replace('"', '')}"`)}`,
  ]
  for (const path of pages) {
    const { body } = await get(path)
    t.false(body.includes('<b>&') || body.includes(hostile), path)
    t.true(/&lt;b&gt;/.test(body), path)
  }
  t.true((await get('/table/airports?rows=1000')).body.includes(`>${escaped}<`))
  t.true((await get('/table/airports.csv')).body.includes(`"<b>""'&x"`))
})

test('only reading is allowed', async (t) => {
  const response = await fetch(`${rdb.origin}/`, { method: 'POST', body: 'x' })
  t.is(response.status, 405)
  t.is(response.headers.get('allow'), 'GET, HEAD')
  const head = await fetch(`${rdb.origin}/table/flights`, { method: 'HEAD' })
  t.is(head.status, 200)
  t.true(Number(head.headers.get('content-length')) > 1000)
})

test('a page agrees with itself while updates run, and a later one is of a later moment', async (t) => {
  const versions: number[] = []
  for (let i = 0; i < 10; i++) {
    const { body } = await get('/table/airports?rows=1000')
    const revisions = rowsOf(body).reduce((sum, row) => sum + Number(row[4]), 0)
    const { version } = originOf(body)
    t.is(revisions, version)
    versions.push(version)
  }
  t.deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  )
  t.true((versions.at(-1) ?? 0) > (versions[0] ?? 0))
})

test('a table that is sent bit by bit is of one moment', async (t) => {
  const texts = await Promise.all(Array.from({ length: 3 }, () => get('/table/flights.csv')))
  for (const { headers, body } of texts) {
    const [head, ...rows] = body.trimEnd().split('\n')
    t.is(head, 'flight,date,origin,destination,distance,delay,revisions')
    t.true(rows.length >= ROWS)
    const revisions = rows.reduce((sum, row) => sum + Number(row.slice(row.lastIndexOf(',') + 1)), 0)
    t.is(revisions, Number(headers.get('x-version')))
  }
})

test('queries by lines of JSON are each of a moment of their own, in which all totals hold', async (t) => {
  const replies = await askChecks(rdb.ports.json, 10)
  t.deepEqual(consistencyOf(replies), consistent(10))
  const versions = replies.map(({ result }) => result?.version ?? Number.NaN)
  t.deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  )
  t.true(new Set(versions).size > 1)
})

test('queries by lines of JSON, as text and as lists', async (t) => {
  const { json } = rdb.ports
  const flights = await askJson<number>(json, 'count flights')
  t.true(flights >= ROWS)
  t.true((await askJson<number>(json, ['count', 'flights'])) >= flights)
  t.is((await askJson<unknown[]>(json, 'select[flights;5;3]')).length, 3)
  for (const query of [['select', 'airports', 5, 3, '-flights'], 'select[airports; 5; 3; -flights]']) {
    const airports = await askJson<Array<{ airport: string; flights: number }>>(json, query)
    t.is(airports.length, 3)
    t.true(airports.every(({ flights }, i) => flights <= (airports[i - 1]?.flights ?? Infinity)))
  }
})

const mistakes = test.macro({
  exec: async (t, query: unknown, message: RegExp) => {
    await t.throwsAsync(askJson(rdb.ports.json, query), { code: 'ERR_RDB_QUERY', message })
  },
  title: (_, query) => `the query ${JSON.stringify(query)} is a mistake`,
})

test(mistakes, 'nope', /^Expected one of the queries tables, count, .* got 'nope'$/)
test(
  mistakes,
  'count nope',
  /^Expected table to be one of flights, airports, clones, publications, got 'nope'$/,
)
test(mistakes, 'count', /^Expected table of count to be given: the name of a table$/)
test(mistakes, 'count[flights;1]', /^Expected count\[table\] to get 1 arguments at most, got 2$/)
test(mistakes, 'select[flights;-1]', /^Expected from to be a whole number from 0/)
test(mistakes, 'js:process.exit(3)', /^Expected/)
test(mistakes, ['toString'], /^Expected one of the queries/)
test(mistakes, [{ name: 'count' }], /^Expected one of the queries/)
test(mistakes, [], /got undefined$/)
test(mistakes, { count: 'flights' }, /^Expected a query to be text, or a list/)
test(mistakes, null, /^Expected a query to be text/)

const calls = test.macro({
  exec: (t, text: string, name: string, ...args: unknown[]) => {
    t.deepEqual(parseCall(text), { name, args } as never)
  },
  title: (_, text) => `parses ${JSON.stringify(text)}`,
})

test(calls, 'tables', 'tables')
test(calls, '  tables  ', 'tables')
test(calls, 'tables[]', 'tables')
test(calls, 'count flights', 'count', 'flights')
test(calls, 'count `flights', 'count', 'flights')
test(calls, 'count`flights', 'count', 'flights')
test(calls, 'count "a \\"b\\" ]; c"', 'count', 'a "b" ]; c')
test(calls, 'count[`flights]', 'count', 'flights')
test(calls, 'f[1;-2.5; "x" ;`y;z-1]', 'f', 1, -2.5, 'x', 'y', 'z-1')
test(calls, 'f[;1;]', 'f', undefined, 1, undefined)
test(calls, 'f -delay', 'f', '-delay')

const unparsable = test.macro({
  exec: (t, text: string) => {
    t.throws(() => parseCall(text), { name: 'QueryError' })
  },
  title: (_, text) => `refuses ${JSON.stringify(text).slice(0, 40)}`,
})

for (const text of [
  '',
  '1+1',
  'f[',
  'f[1',
  'f[1]]',
  'f[1 2]',
  'f 1 2',
  'f(1)',
  'f;g',
  'f["]',
  'f[{x}]',
  'f 1x',
  `f "${'x'.repeat(2000)}"`,
]) {
  test(unparsable, text)
}

test('a feed publishes on the same port, rows whole or not at all', async (t) => {
  const { json, kdb } = rdb.ports
  const delayOf = async (flight: number) =>
    (await askJson<Array<{ delay: number }>>(json, ['select', 'flights', flight, 1]))[0]?.delay
  // With this many updates, few affect these flights.
  await sayJson(json, { update: ['upd', 'delays', [{ flight: 7, delay: 5000 }]] })
  t.true(((await delayOf(7)) ?? 0) > 4000)
  await sayJson(json, { update: ['upd', 'delays', [{ flight: 8, delay: 5000 }, { flight: 8 }]] })
  t.true(((await delayOf(8)) ?? 0) < 4000)

  const client = await openKdb(kdb, LOGIN.user, LOGIN.password)
  await client.publish('.u.upd', 'delays', [
    [9, 10],
    [0, 7000],
  ])
  const [changed] = await client.ask<Array<{ delay: number }>>('select[flights;9;1]')
  // The database's own feed may have changed it since.
  t.true((changed?.delay ?? 0) < 1000)
  t.true(((await delayOf(10)) ?? 0) > 5000)
  await client.close()

  const publications = await askJson<Array<{ table: string; rows: number; trouble: string | null }>>(
    json,
    'select[publications;0;500]',
  )
  const delays = publications
    .filter(({ table }) => table === 'delays')
    .map(({ rows, trouble }) => [rows, trouble])
  t.deepEqual(delays, [
    [2, null],
    [0, 'Expected delay to be a whole number from -100000 to 100000, got undefined'],
    [1, null],
  ])
})

test('by the protocol of kdb+, queries are each of a moment of their own', async (t) => {
  const client = await openKdb(rdb.ports.kdb, LOGIN.user, LOGIN.password)
  const first = await client.ask<Snapshot>('snapshot')
  const second = await client.ask<Snapshot>('snapshot[]')
  t.not(second.pid, first.pid)
  t.true(second.version > first.version)
  t.true((await client.ask<number>('count', 'flights')) >= ROWS)
  const [flight] = await client.ask<Array<{ date: Date; origin: string }>>('select[flights;0;1]')
  t.true(flight?.date instanceof Date)
  t.is(typeof flight?.origin, 'string')
  t.is((await client.ask<Check>('check[]')).troubles, 0)
  await t.throwsAsync(client.ask('nope'), { message: /^Expected one of the queries/ })
  await client.close()
})

test('by the protocol of kdb+, a session keeps its moment, and what it changes is its own', async (t) => {
  const { kdb, sessions } = rdb.ports
  const session = await openKdb(sessions, LOGIN.user, LOGIN.password)
  const other = await openKdb(sessions, LOGIN.user, LOGIN.password)
  const before = await session.ask<Total>('total')
  const { pid } = await session.ask<Snapshot>('snapshot')
  const changed = await session.ask<Total>('whatIf[ATL;100]')
  t.true(changed.delay - before.delay >= 10_000)
  t.deepEqual(await session.ask('total'), changed)
  t.is((await session.ask<Check>('check')).troubles, 0)
  t.is((await session.ask<Snapshot>('snapshot')).pid, pid)
  const query = await openKdb(kdb, LOGIN.user, LOGIN.password)
  const [others, now] = [await other.ask<Total>('total'), await query.ask<Total>('total')]
  for (const total of [others, now])
    t.true(Math.abs(total.delay - before.delay) < changed.delay - before.delay)
  t.true(now.version > others.version)
  t.not((await other.ask<Snapshot>('snapshot')).pid, pid)
  for (const client of [session, other, query]) await client.close()
})

test('who does not know the password is not let in', async (t) => {
  for (const port of [rdb.ports.kdb, rdb.ports.sessions]) {
    await t.throwsAsync(openKdb(port, LOGIN.user, 'guess'))
    await t.throwsAsync(openKdb(port, '', ''))
  }
})

test('it ends by SIGINT, whoever is connected', async (t) => {
  const busy = await startRdb('--rows', '2000')
  const { http, kdb, sessions, json } = busy.ports
  const session = await openKdb(sessions, '', '')
  await session.ask('snapshot')
  const idle = [http, kdb, sessions, json].map((port) =>
    connect(port, HOST)
      .on('error', () => {})
      .resume(),
  )
  await Promise.all(idle.map((socket) => once(socket, 'connect')))
  const closed = idle.map((socket) => once(socket, 'close'))
  const { code, signal, left, troubles } = await busy.end('SIGINT')
  t.deepEqual({ code, signal, left, troubles }, { code: 0, signal: null, left: '', troubles: [] })
  await Promise.all(closed)
})

test('code of clients is evaluated only when that was asked for, and then in clones', async (t) => {
  const evaluating = await startRdb('--rows', '2000', '--rate', '0', '--eval')
  const { json, kdb, http } = evaluating.ports
  t.deepEqual(await askJson(json, 'js: [1 + 1, process.pid !== process.ppid]'), [2, true])
  await t.throwsAsync(askJson(json, 'js: process.abort()'), { code: 'ERR_QCLONE_DIED' })
  await askJson(json, 'js: db.flights.flights.length = 0')
  t.is(await askJson(json, 'count flights'), 2000)
  const client = await openKdb(kdb, '', '')
  t.is(await client.ask('js: 6 * 7'), 42)
  await client.close()
  // Any web page in a browser can send this request.
  t.is((await fetch(`http://${HOST}:${http}/query?text=js:1`)).status, 400)
  t.is((await evaluating.end()).code, 0)
})

test('what a browser posts to the ports for q is no greeting, even where everybody is let in', async (t) => {
  const open = await startRdb('--rows', '2000')
  const socket = connect(open.ports.kdb, HOST)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => {})
  socket.write('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n\u0003\0')
  // The connection is reset, so `once` would reject.
  await new Promise((resolve) => socket.on('close', resolve))
  t.deepEqual(chunks, [])
  t.is((await open.end()).code, 0)
})

const misuse = test.macro({
  exec: async (t, args: string[], message: string) => {
    const { code, stdout, stderr } = await runScript('../../examples/rdb/main.js', { args })
    t.deepEqual({ code, stdout, stderr }, { code: 2, stdout: '', stderr: `rdb: ${message}\n` })
  },
  title: (_, args) => `refuses ${String(args)}`,
})

test(misuse, ['--rows', '0'], 'Expected --rows to be a whole number from 1 to 3000000, got `0`')
test(misuse, ['--http-port', 'x'], 'Expected --http-port to be a whole number from 0 to 65535, got `x`')
test(misuse, ['--user', 'x'], 'Expected --user and --password to be given together')

test('says which port is taken, and ends', async (t) => {
  const args = ['--rows', '100', '--http-port', `${rdb.ports.http}`, '--kdb-port', '0', '--session-port', '0']
  const { code, stderr } = await runScript('../../examples/rdb/main.js', {
    args: [...args, '--json-port', 'off'],
  })
  t.is(code, 1)
  t.regex(stderr, /rdb: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/)
})

const browserTest = findChromium() ? test : test.skip
browserTest('a browser sees it all (skipped where there is no Chromium)', async (t) => {
  const { troubles, checks, loadMs } = await browse((browsing) => tour(browsing, rdb.origin, 1, PICTURE))
  t.deepEqual(troubles, [])
  t.true(checks > 40)
  t.true(loadMs.length > 15)
})
