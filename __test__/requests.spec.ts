import test from 'ava'
import { playScene } from './helpers/fixture.js'

const LARGE_BYTES = 16 << 20

test('a handler that resets the connection resets it for the client, of HTTP/1.0 too', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'resets'), {
    '1.1': 'ECONNRESET',
    '1.0': 'ECONNRESET',
    ends: ['request 0', 'request 0'],
  })
})

test('a handler that closes the connection once it has answered closes it', async (t) => {
  const inOrder = ['x', 'in order']
  t.deepEqual(await playScene(t, 'requests', 'closed once answered'), {
    'socket.destroy at the end': inOrder,
    'request.destroy at the end': inOrder,
    'socket.end at the end': inOrder,
    'socket.destroySoon at the end': inOrder,
    'socket.destroy at finish': inOrder,
    'socket.destroy at close': inOrder,
    'socket.end at close': ['xand more', 'in order'],
    'reset at the end': ['x', 'ECONNRESET'],
  })
})

test('a handler that exits or fails once it has answered has answered', async (t) => {
  const both = ['x', 'x']
  t.deepEqual(await playScene(t, 'requests', 'ends at the end of its answer', { noisy: true }), {
    '/exits': both,
    '/throws': both,
    '/throws-at-close': both,
    ends: [1, 1, 1, 1, 3, 3].map((status) => `request ${status}`),
  })
})

test('a request that is answered ends, read or not, and its connection does not abort it', async (t) => {
  const ended = ['end', 'close']
  t.deepEqual(await playScene(t, 'requests', 'requests end'), {
    'http GET unread': ended,
    'http POST unread': ended,
    'http GET unread, last': ended,
    'https GET unread, last': ended,
    'http POST unread, last': ended,
    'https POST unread, last': ended,
    'http POST later, last': ['hello', ...ended],
    'https POST later, last': ['hello', ...ended],
  })
})

for (const kind of ['http', 'https']) {
  test(`the parent's listeners are called in the parent, once, and the handler's in the clone: ${kind}`, async (t) => {
    const events = kind === 'https' ? ['connection', 'secureConnection'] : ['connection']
    const ofTheParent = events.flatMap((event) => [`${event} closed`, `${event} closed, once`])
    const told = [
      ...[...ofTheParent, 'request: close', 'response: finish', 'response: close'].map((what) => [
        what,
        false,
      ]),
      ...['request', 'response', 'connection'].map((what) => [`the handler's ${what} closed`, true]),
    ]
    t.deepEqual(await playScene(t, 'requests', 'listeners of the parent', { args: [kind] }), {
      body: 'hello',
      ...Object.fromEntries(told.map(([what, isCloned]) => [`${what} in a clone: ${isCloned}`, true])),
    })
  })
}

test('TLS ends in order before its connection', async (t) => {
  const alert = 21
  t.deepEqual(await playScene(t, 'requests', 'the end of TLS'), { 'types of the last records': [alert] })
})

test('after the answer, the socket of a clone is a closed one, and has told nobody', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'the socket after the answer'), {
    socket: {
      destroyed: true,
      closed: true,
      writable: false,
      readyState: 'closed',
      remoteAddress: '127.0.0.1',
    },
    bytes: [true, true],
    written: 'ERR_STREAM_DESTROYED',
    events: [],
    ends: ['request 0'],
    rest: ['', false],
  })
})

test('one connection is served by clone after clone, and by the parent', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'one connection'), {
    'by clones': true,
    others: 'the parent',
    '404': 404,
    keeps: true,
    ended: false,
    ends: ['request 0', 'request 0', 'request 0'],
  })
})

test('pipelined requests are answered in order, whoever answers', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'pipelined'), {
    bodies: ['/1', '/parent', '/3', '/4', '/parent', '/parent', '/7', '/8'].map(
      (path) => `${path} ${path !== '/parent'}`,
    ),
    'after a body': ['/9 true', '/10 true'],
    rest: '',
    many: true,
  })
})

test('a clone has the whole body; one that was still arriving ends the connection', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'bodies'), {
    none: ['0', 'keep-alive'],
    small: ['5', 'keep-alive'],
    '300,000': ['300000', 'keep-alive'],
    large: [`${LARGE_BYTES}`, 'close'],
    chunked: ['196608', 'keep-alive'],
    'large and chunked': [`${LARGE_BYTES}`, 'close'],
    unread: ['did not read it', 'keep-alive'],
    'empty and chunked': ['there is an end', 'keep-alive'],
  })
})

test('requests behind a body that a clone reads are handled by nobody: the connection ends with the answer', async (t) => {
  const answer = [200, '8', 'close', '']
  const behind = ['for a clone', 'for the parent', 'that expects', 'upgrade', 'connect']
  const all = behind.flatMap((what) => [what, `${what}, offloaded`])
  t.deepEqual(
    await playScene(t, 'requests', 'behind a body'),
    Object.fromEntries(all.map((what) => [what, answer])),
  )
})

test('a connection that somebody else listens to goes on, and its clones read', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'listened to'), {
    statuses: [200, 200, 200, 404],
    'a body': '8',
  })
})

test('requests without a connection of their own stay with the parent', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'injected'), {
    'by a test': '/mock false',
    'over HTTP/2': '/2 false',
  })
})

test('clones answer clients that expect something unknown, if the server listens for them', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'expects something'), {
    chosen: 'true',
    'not chosen': 'false',
  })
})

test('a server can close all connections while clones have them', async (t) => {
  const { ends } = await playScene(t, 'requests', 'all connections closed')
  t.is((ends as string[]).length, 1)
})

test('a client that waits to be told to go on is told, by the parent or by the clone', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'told to go on'), {
    'by node': [100, '4', 'keep-alive'],
    'by a listener': [100, '4', 'close'],
  })
})

test('a large answer reaches a slow reader whole, and others do not wait for it', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'a slow reader'), {
    'others are served': 'the parent',
    length: LARGE_BYTES,
    whole: true,
    again: LARGE_BYTES,
  })
})

test('HTTP/1.0, HEAD and connection: close', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'old and headless'), {
    '1.0': LARGE_BYTES,
    HEAD: [200, 'keep-alive', ''],
    close: 'close',
    'in order': true,
  })
})

test('a clone that dies before its first byte is a 500, and the connection goes on', async (t) => {
  const failed = [500, 'keep-alive', 'Internal Server Error\n']
  t.deepEqual(await playScene(t, 'requests', 'dies before its first byte', { noisy: true }), {
    '/exit': failed,
    '/abort': failed,
    '/throw': failed,
    '/rejects': failed,
    'goes on': true,
    ends: ['request 3', 'request SIGABRT', 'request 1', 'request 1', 'request 0'],
  })
})

test('a clone at its deadline is a 504, and the connection goes on', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'at its deadline'), {
    waits: 504,
    stands: 504,
    'goes on': true,
    ends: ['request SIGTERM', 'request SIGTERM', 'request 0'],
  })
})

test('a clone that dies after its first byte has its connection reset; one that destroys it, closed as by node', async (t) => {
  const reset = ['ECONNRESET', true]
  t.deepEqual(await playScene(t, 'requests', 'dies after its first byte'), {
    '/half 1.1': reset,
    '/half 1.0': reset,
    '/half,%20to%20its%20end 1.1': reset,
    '/half,%20to%20its%20end 1.0': reset,
    '/destroys 1.1': [null, false],
    '/destroys 1.0': [null, false],
    '/destroys%20half 1.1': [null, true],
    '/destroys%20half 1.0': [null, true],
  })
})

test('a client that leaves ends its clone, whatever that is at, and nobody else notices', async (t) => {
  const told = await playScene(t, 'requests', 'a client that leaves')
  t.deepEqual(told, {
    '/waits': told['/waits'],
    '/waits: others': true,
    '/stands': ['request SIGTERM'],
    '/stands: others': true,
    '/large': told['/large'],
    '/large: others': true,
  })
  // The clone notices by itself, unless its parent is faster.
  for (const path of ['/waits', '/large']) {
    t.true(['request 0', 'request SIGTERM'].includes((told[path] as string[])[0] ?? ''), path)
  }
})

test('when the queue is full a client is told to come back', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'a full queue', { noisy: true }), {
    status: 503,
    'retry after': '7',
    refused: 1,
    'the parent goes on': 'the parent',
    'its turn came': true,
  })
})

test('closing the server waits for answers that are under way, and for nothing else', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'an orderly close'), {
    whole: 'begun and done',
    waited: true,
    another: ['begun and done', 'begun and done'],
  })
})

test('over TLS a clone answers and closes in order; one that dies leaves the connection to its parent', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'https', { noisy: true }), {
    seen: [
      ['/who', 200, 'close', true],
      'in order',
      ['/large', 200, 'close', LARGE_BYTES],
      'in order',
      ['/parent', 200, 'keep-alive', 10],
      'the parent',
      'in order',
      ['/exit', 500, 'keep-alive', 22],
      'the parent',
      'in order',
    ],
    upload: `${LARGE_BYTES}`,
    half: [true],
  })
})

test('clients that are slow to send their requests hold no clones', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'slow clients'), {
    ...Object.fromEntries([0, 1, 2, 3, 4].map((i) => [`quick ${i}`, true])),
    clones: 5,
  })
})

test('a body must arrive in time, whoever reads it; what the clone reads its parent does not miss', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'late bodies'), {
    'in time': 'answered',
    'for the clone': 'HTTP/1.1 408 Request Timeout',
    'for the parent': 'HTTP/1.1 408 Request Timeout',
    clones: 2,
  })
})

test('what a client sends while a clone answers is for the next one', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'asked again while it answers'), {
    bodies: ['/1 true', '/2 true'],
  })
})

test('a clone that lingers does not keep the connection open', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'a clone that lingers'), {
    body: 'answered',
    'closed before the clone has ended': 1,
  })
})

test('a request that waits for 100 Continue has one clone, if its listener emits `request`', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'a listener of checkContinue that emits request'), {
    continue: 100,
    answer: [1, true],
  })
})

test('a connection that the parent ends meanwhile ends after the answer', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'a connection that the parent ends meanwhile'), {
    body: 'half, whole',
    error: 'none',
    'its own method again': false,
  })
})

test('the parent answers over TLS that no clone can inherit', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'TLS over a stream that is no socket'), { answer: false })
})

test('subscribers hear of no response but that to a client', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'a subscriber of responses'), { status: 200, others: 0 })
})

test('a client that has ended its side is answered if that is done at once, as by node', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'a client that has ended its side'), {
    '/at-once': true,
    '/later': false,
    '/at-once, by a clone that starts slowly': true,
  })
})

test('whether a connection is silent for too long is seen by who serves it', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'a silent connection'), { talking: true, silent: '' })
})

test('handlers are told of a request and its clone', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'handlers'), {
    newClone: ['request', 'GET /who', false],
    inRequest: ['/who', false, true],
    oldClone: ['request 0'],
  })
})

test('a clone may go on after its response, for so long; the connection does not wait', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'work after the response'), {
    '/works': 'answered',
    '/works again': 'answered',
    worked: true,
    '/lingers': 'answered',
    '/lingers again': 'answered',
    ends: ['request 0', 'request SIGKILL', 'request SIGKILL', 'request SIGKILL'],
  })
})

test('a server is given back, by the undo and by unload', async (t) => {
  const { 'an application': message, ...told } = await playScene(t, 'requests', 'given back')
  t.regex(
    message as string,
    /^Expected `server` to be a server, got .*: pass the server that `app.listen\(\)` returns.*createServer/,
  )
  t.true((message as string).length < 300)
  t.deepEqual(told, {
    twice:
      'Expected `server` to be passed to `cloneRequests` once: call the undo function that the first call returned',
    'no server': 'TypeError',
    unknown: 'TypeError',
    served: true,
    'given back': false,
    'own emit': false,
    'served again': true,
    unloaded: [false, 1],
  })
})

test('inline, the parent answers', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'inline'), { who: false })
})

test('requests leave no descriptor behind, however they end', async (t) => {
  t.deepEqual(await playScene(t, 'requests', 'nothing is left', { noisy: true }), { descriptors: 0 })
})
