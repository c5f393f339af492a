import test, { type ExecutionContext } from 'ava'
import { findCommand } from '../harness/clients/command.js'
import { runScript } from './helpers/fixture.js'

const DEADLINE_MS = 340_000
const CURL = findCommand('curl') === undefined ? [] : ['curl']
const withNginx = findCommand('nginx') === undefined || CURL.length === 0 ? test.skip : test

interface Compared {
  results: Array<{
    app: string
    client: string
    verdicts: Array<{ what: string; verdict: string; differences: Array<{ fact: string }> }>
  }>
}

// All clients with all apps take ten minutes: `npm run soak -- clients`.
for (const [what, apps, clients] of [
  ['bytes', ['http', 'https'], ['raw']],
  ['frameworks', ['express', 'fastify', 'koa', 'hono'], ['node']],
  ['curl', ['express'], CURL],
] as const) {
  test(`a client sees what it sees without clones: ${what}`, async (t) => {
    if (clients.length === 0) {
      t.log('curl is missing: skipped')
      t.pass()
      return
    }
    const { verdicts, pairs } = await compare(t, ['--apps', apps.join(), '--clients', clients.join()])
    t.is(pairs, apps.length * clients.length)
    t.deepEqual(different(verdicts), [])
  })
}

test('under load every request is answered, and right', async (t) => {
  const { verdicts } = await compare(t, ['--apps', 'http', '--clients', 'autocannon'])
  t.true(verdicts.length > 0)
  t.deepEqual(different(verdicts), [])
})

withNginx(
  'a proxy sees what it sees without clones, buffered or not, over connections kept or not',
  async (t) => {
    const { verdicts } = await compare(t, ['--apps', 'http', '--clients', 'nginx'])
    t.true(verdicts.length > 0)
    t.deepEqual(different(verdicts), [])
  },
)

// What is compared, and how, is the same on every line.
const onOldestLine = process.version.startsWith('v20.') ? test : test.skip

onOldestLine('an app that answers otherwise fails the comparison', async (t) => {
  const { verdicts, code } = await compare(t, ['--apps', 'broken', '--clients', 'raw', '--self-check'])
  t.is(code, 1)
  const facts = Object.fromEntries(
    verdicts.map(({ what, differences }) => [what, differences.map(({ fact }) => fact)]),
  )
  t.like(facts, {
    'GET /hello': ['1: head', '1: body'],
    'GET /json': ['1: head'],
    'GET /error': ['statuses, second', 'statuses', '1: head', '1: body'],
    'HEAD /hello': ['1: head'],
    'POST 300 KiB': [],
    'no request': [],
    'the server itself': [],
  })
  for (const what of ['GET /download', 'GET /async', 'GET /compressed', 'GET /missing']) {
    t.true((facts[what]?.length ?? 0) > 0, what)
  }
})

async function compare(t: ExecutionContext, args: string[]) {
  t.timeout(DEADLINE_MS + 10_000)
  const { code, stdout, stderr } = await runScript('../../soak/clients.js', {
    args: [...args, '--load', '1', '--json'],
    deadlineMs: DEADLINE_MS,
  })
  t.true(stdout.startsWith('{'), stderr)
  const { results } = JSON.parse(stdout) as Compared
  const verdicts = results.flatMap(({ app, client, verdicts }) =>
    verdicts.map((verdict) => ({ ...verdict, of: `${app}, ${client}, ${verdict.what}` })),
  )
  return { code, verdicts, pairs: results.length }
}

function different(verdicts: Array<{ of: string; verdict: string; differences: Array<{ fact: string }> }>) {
  return verdicts.filter(({ verdict }) => verdict === 'different')
}
