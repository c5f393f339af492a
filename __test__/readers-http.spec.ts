import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('readers answer what only reads, from their snapshot; the parent handles the rest', async (t) => {
  const byTheParent = (length: number) => [false, 0, true, length, 7, 'keep-alive']
  t.deepEqual(await playScene(t, 'readers-http', 'reads and writes'), {
    read: [true, 1, 0, true],
    young: true,
    'of one age': true,
    PUT: byTheParent(5),
    'PUT from': true,
    POST: byTheParent(5),
    'POST from': true,
    DELETE: byTheParent(0),
    'DELETE from': true,
    PATCH: byTheParent(5),
    'PATCH from': true,
    'a snapshot': 0,
    'the next': [true, 2, 7],
    forwarded: 4,
    handled: ['PUT /7', 'POST /7', 'DELETE /7', 'PATCH /7'],
    HEAD: [200, '', 4],
    OPTIONS: [200, '', 4],
  })
})

test('informational responses arrive as the parent sent them, before the answer', async (t) => {
  const asPlain = [true, true, true]
  t.deepEqual(await playScene(t, 'readers-http', 'informational responses'), {
    '/hints': asPlain,
    '/102': asPlain,
    '/103': asPlain,
    '/104': asPlain,
    '/100': asPlain,
    'behind another': ['103 Early Hints', '200 OK', true],
    bystander: true,
  })
})

test('trailers are passed on both ways as they are', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'odd trailers'), {
    answer: '\r\n\r\n2\r\nok\r\n0\r\nX-Sum: a\x01b\r\nX-Sum: \xe9\r\n\r\n',
    handled: ['X-T', 'a\x01b', 'X-T', '\xe9'],
    bystander: true,
  })
})

test('an answer that names its coding is passed on with it', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'a length and chunks'), {
    '/': [true, true],
    '/compressed': [true, true],
  })
})

test('an answer that cannot be passed on is an error of its client only', async (t) => {
  const told = await playScene(t, 'readers-http', 'answers that cannot be passed on', { noisy: true })
  t.deepEqual(told, {
    '/message': 'ECONNRESET',
    '/status': 'ECONNRESET',
    '/field': 'ECONNRESET',
    '/upgrade': 'HTTP/1.1 502 Bad Gateway',
    '/nonsense': 'ECONNRESET',
    bystander: true,
  })
})

test('a reader that may not write a body answers with an error without one', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'errors without a body', { noisy: true }), {
    status: 'HTTP/1.1 500 Internal Server Error',
    'no body': true,
    bystander: true,
  })
})

test('an error in the middle of a forwarded request ends that request only', async (t) => {
  const told = await playScene(t, 'readers-http', 'listeners that throw', { noisy: true })
  t.deepEqual(told, {
    '/information': 'ECONNRESET',
    '/request': 'ECONNRESET',
    '/answer': 'ECONNRESET',
    '/close': 'answered',
    '/drain': 'answered',
    '/over': 'answered',
    bystander: true,
  })
})

test('bodies of all kinds and sizes are forwarded, and the connection goes on', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'bodies'), {
    none: [0, true, ''],
    small: [5, true, ''],
    large: [8 << 20, true, ''],
    chunked: [3 << 16, true, ''],
    'large and chunked': [8 << 20, true, ''],
    'empty and chunked': [0, true, ''],
  })
})

test('heads are forwarded as they are, except what is about the connection', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'heads as they were'), {
    answer: [
      'HTTP/1.1 201 Made Up',
      'X-One: a',
      'X-One: b',
      'Set-Cookie: c=1',
      'Content-Length: 0',
      'Date: then',
      'Connection: keep-alive',
      'Keep-Alive: timeout=5',
      '',
      '',
    ],
    request: [
      '/a%20b?c=d',
      '1.1',
      [
        ...['Host', 'here', 'X-Two', '1', 'x-two', '2', 'X-Three', '\xe9', 'Content-Length', '0'],
        ...['Connection', 'keep-alive'],
      ],
    ],
  })
})

test('what a handler of the parent says of the connection is said to the client', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'what an answer says of its connection'), {
    '/none': true,
    '/close': false,
    '/list': false,
    '/trailer': true,
    '/upgrade': true,
    kept: true,
    '/trailer of HTTP/1.0': ['HTTP/1.1 200 OK', 'Connection: close'],
    '/upgrade of HTTP/1.0': [
      'HTTP/1.1 426 Upgrade Required',
      'Upgrade: HTTP/2.0',
      'Connection: Upgrade',
      'Connection: close',
    ],
  })
})

test('a body behind more header fields than Node keeps is no other request', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'more fields than Node keeps'), {
    'length of null': true,
    'chunks of null': true,
    'length of 20': true,
    'chunks of 20': true,
  })
})

test('no more of a body is forwarded than was announced', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'a body that goes on in chunks', { noisy: true }), {
    known: [200, 'POST /outer, 1 fields, 41 bytes'],
    unknown: [false, []],
  })
})

test('requests with as many header fields as are allowed are forwarded, and answers with any number', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'as many fields as are allowed'), {
    'length of null': [200, 'POST /outer, 999 fields, 38 bytes'],
    'chunks of null': [200, 'POST /outer, 999 fields, 38 bytes'],
    'none of null': [200, 'POST /outer, 1000 fields, 0 bytes'],
    'length of 20': [200, 'POST /outer, 19 fields, 38 bytes'],
    'chunks of 20': [200, 'POST /outer, 19 fields, 38 bytes'],
    'none of 20': [200, 'POST /outer, 20 fields, 0 bytes'],
    answer: [1504, '3', 'abc'],
  })
})

test('a client that asks whether to send its body is told once, and by the parent where that decides', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'told to go on'), {
    'by node': [100, 200, 4, 200],
    'by a listener': [100, 200, 4, 200],
    'refused by a listener': [403],
    handled: ['POST /', 'checkContinue, reader: false', 'POST /'],
  })
})

test('answers to pipelined requests come in order, whoever makes them', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'pipelined'), {
    bodies: [
      'GET 1 true ',
      'POST 2 false a',
      'POST 3 false ',
      'GET 4 true ',
      'GET 5 true ',
      'POST 6 false bcd',
      'GET 7 true ',
    ],
    handled: ['/2', '/3', '/6'],
    rest: '',
  })
})

test('a filter chooses the requests that readers handle; one that throws is an error of the server', async (t) => {
  const told = await playScene(t, 'readers-http', 'a filter', { noisy: true })
  t.deepEqual(told, {
    GET: [200, true],
    POST: [200, true],
    'GET that is chosen': [200, false],
    DELETE: [200, false],
    throws: [500, 'Internal Server Error\n'],
    'goes on': [200, true],
    handled: ['GET /live', 'DELETE /'],
  })
})

test('read-only, nothing is forwarded', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'read-only'), {
    POST: [405, 'GET, HEAD, OPTIONS'],
    GET: true,
    handled: [[], 0],
  })
})

test('HTTP/1.0, HEAD and connections that close', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'old and headless'), {
    '1.0': true,
    '1.0 kept': [false, 'keep-alive'],
    '1.0 without a length': false,
    'HEAD /': [200, 'keep-alive', true, ''],
    'HEAD /live': [200, 'keep-alive', true, ''],
    close: 'close',
    'in order': true,
  })
})

test('an answer that the parent breaks off is broken off, and cannot be taken for the whole', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'the parent fails'), {
    none: '',
    half: ['ECONNRESET', true],
    chunks: ['ECONNRESET', false],
    'HTTP/1.0': 'ECONNRESET',
  })
})

test('the parent may answer before it has the body, which it gets all the same', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'answered early'), {
    early: [413, 'large', 'keep-alive'],
    'goes on': 413,
    error: 'none',
    hasty: 413,
    'goes on too': [413, 'none'],
    'the parent': ['/early true', '/hasty true'],
  })
})

test('the parent sees that a client has left with its request half sent', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'a client that leaves'), {
    others: 'hello',
    seen: ['/half whole: false', '/answers whole: false'],
  })
})

test('an agent reads and writes over many generations', async (t) => {
  t.deepEqual(await playScene(t, 'readers-http', 'with an agent'), { wrong: 0 })
})
