import test, { type ExecutionContext } from 'ava'
import { ProtocolError } from 'node-qclone'
import { runFixture } from './helpers/fixture.js'
import { PLAYED } from './helpers/scene.js'

const RESET = 'the connection ended (ECONNRESET)'

/** Plays a scene to its end. Gives what it told, and checks that each of `errors` has been printed. */
async function played(t: ExecutionContext, scene: string, args: string[], errors: string[]) {
  const { told, code, signal, stderr } = await runFixture('codecs-throw', scene, { args })
  const { [PLAYED]: played, ...rest } = told
  t.deepEqual({ played, code, signal }, { played: true, code: 0, signal: null }, stderr)
  for (const error of errors) t.true(stderr.includes(error), `${error}\n${stderr}`)
  return rest
}

/** Errors printed for queries, sessions and readers alike. Those of a query's value and reply go to the client. */
const PRINTED = [
  ...['receive', 'kind', 'bytes', 'reason', 'fail', 'established', 'value of an update'].map(
    (member) => `Error: ${member} throws`,
  ),
  'Expected `messages[0]` to be an object, got `undefined`',
  'Expected `messages` to be an array, got `{',
  'Expected `messages` to be an array, got `7`',
]

const RESETTING = {
  receive: RESET,
  kind: RESET,
  'no message': RESET,
  'one message in place of a list': RESET,
  'no list': RESET,
  bytes: RESET,
  reason: RESET,
  fail: RESET,
  established: 'ECONNRESET',
}

for (const kind of ['queries', 'sessions', 'sessions in the parent']) {
  test(`whatever a codec of ${kind} throws costs its client the connection, and nothing else`, async (t) => {
    // The parent reads `reply` itself, to compile it.
    const isQueries = kind === 'queries'
    t.deepEqual(await played(t, 'of clones', [kind], PRINTED), {
      outcomes: {
        ...RESETTING,
        value: 'error: value throws',
        'value of an update': RESET,
        reply: isQueries ? RESET : 'error: reply throws',
        'odd reply': isQueries ? 'error: Expected a reply to be bytes, got `7` (number)' : RESET,
      },
      'the other': 'goes on',
    })
  })
}

for (const kind of ['shared', 'per connection']) {
  test(`whatever a codec of readers throws costs its client the connection, and nothing else: ${kind}`, async (t) => {
    const errors = [...PRINTED, 'Error: raw throws', 'Error: state throws', 'Error: rest throws']
    t.deepEqual(await played(t, 'of readers', [kind], errors), {
      outcomes: {
        ...RESETTING,
        value: 'error: value throws',
        // The parent has it, without the connection.
        'value of an update': 'query',
        reply: 'error: reply throws',
        'odd reply': RESET,
        raw: RESET,
        state: RESET,
        rest: RESET,
        'odd state': RESET,
        'odd rest': RESET,
      },
      'the other': 'goes on',
      'readers that died': 0,
    })
  })
}

test('a codec that throws over a query that waits for a newer snapshot costs its client the connection', async (t) => {
  const errors = ['Error: raw of a query throws', 'Error: raw, read again, throws']
  t.deepEqual(await played(t, 'of a query that waits', [], errors), {
    outcomes: [RESET, RESET],
    'the other': 'goes on',
    'readers that died': 0,
  })
})

test('a codec that throws as soon as a client has connected does not end a reader', async (t) => {
  t.deepEqual(await played(t, 'from the start', [], ['Error: rest throws']), {
    outcomes: [RESET, RESET],
    'readers that died': 0,
  })
})

test('a codec that throws in the parent of readers that are closed costs its client the connection', async (t) => {
  t.deepEqual(await played(t, 'of the last clients', [], ['Error: rest in the parent throws']), {
    'under way': ['undefined', 'undefined'],
    'the client': 'ECONNRESET',
    'the other': 'query',
  })
})

test('the messages of a ProtocolError are an array of messages', (t) => {
  const message = { kind: 'update', value: 0 } as const
  t.deepEqual(new ProtocolError('broken', [message]).messages, [message])
  t.deepEqual(new ProtocolError('broken').messages, [])
  t.throws(() => new ProtocolError('broken', 7 as never), {
    instanceOf: TypeError,
    message: 'Expected `messages` to be an array, got `7` (number)',
  })
  t.throws(() => new ProtocolError('broken', [message, 'one'] as never), {
    instanceOf: TypeError,
    message: "Expected `messages[1]` to be an object, got `'one'` (string)",
  })
})
