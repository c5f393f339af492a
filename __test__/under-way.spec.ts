import { once } from 'node:events'
import { Socket } from 'node:net'
import test from 'ava'
import '#dist/in-clone/silent-connections.js'
import { hasUnderWay, noteWrite } from '#dist/in-clone/requests-under-way.js'
import { netServer, pair } from './helpers/connections.js'
import { playScene } from './helpers/fixture.js'

const DIED =
  "run act: the clone exited with status 13 (its event loop had nothing left to do: a promise that was made before the fork never settles in a clone) before it answered; it waited on its parent's connection to PEER, where the parent had a request under way: connect again in the clone"

const CASES: Array<[scene: string, told: Record<string, unknown>]> = [
  ['unanswered', { 'in the clone': DIED, 'carried out': ['hello', 'a payment'] }],
  ['answered in part', { 'in the clone': DIED, 'carried out': ['hello', 'the first', 'the second'] }],
  ['overlapping', { 'in the clone': DIED, 'carried out': ['hello', 'the first', 'the second', 'the third'] }],
  [
    'in one write, and answered in part',
    { 'in the clone': DIED, 'carried out': ['hello', 'first', 'second'] },
  ],
  ['not yet sent', { 'in the clone': DIED, 'carried out': ['hello', `${16 << 20} bytes`] }],
  [
    'at rest',
    { 'in the clone': 'in the clone', connections: 2, 'carried out': ['hello', 'once more', 'in the clone'] },
  ],
  [
    'at rest after a greeting of several writes',
    { 'in the clone': 'in the clone', 'carried out': ['who', 'what', 'a command', 'in the clone'] },
  ],
  [
    'written to and destroyed in the clone',
    { 'in the clone': DIED, connections: 1, 'carried out': ['hello', 'a payment'] },
  ],
]

for (const transport of ['tcp', 'unix', 'tls']) {
  for (const [scene, expected] of CASES) {
    test(`over ${transport}, a clone sends nothing that its parent has under way: ${scene}`, async (t) => {
      const told = await playScene(t, 'under-way', scene, { args: [transport] })
      t.deepEqual(told, expected)
    })
  }
}

test('a connection that is kept is no silent one', async (t) => {
  const told = await playScene(t, 'under-way', 'kept', { args: ['tcp'] })
  t.deepEqual(told, { 'carried out': ['hello', 'a payment', 'by the clone'] })
})

test('every kind of clone says on which connection it waited', async (t) => {
  const { 'carried out': carriedOut, ...told } = await playScene(t, 'under-way', 'who is told')
  t.deepEqual(told, {
    'at its deadline': 'ERR_QCLONE_TIMEOUT true',
    'in a stream': 'ERR_QCLONE_DIED true',
    'in one that stays': 'ERR_QCLONE_TIMEOUT true',
    'in a clone of a clone': 'ERR_QCLONE_DIED true',
  })
  t.deepEqual(carriedOut, ['hello', 'a payment'])
})

test('a datagram by a socket of the parent fails, and none waits', async (t) => {
  t.deepEqual(await playScene(t, 'under-way', 'datagrams'), { connected: ['EPIPE'], free: ['EINVAL'] })
})

test('requests on sessions of HTTP/2 of the parent fail at once, and new sessions work', async (t) => {
  const told = await playScene(t, 'under-way', 'sessions of HTTP/2')
  const fresh = 'an answer'
  t.deepEqual(told, {
    idle: {
      first: 'ERR_HTTP2_STREAM_ERROR',
      again: 'ERR_HTTP2_INVALID_SESSION',
      events: ['goaway', 'close'],
      fresh,
    },
    busy: { first: 'ERR_HTTP2_STREAM_ERROR', again: 'ERR_HTTP2_GOAWAY_SESSION', events: ['goaway'], fresh },
    connecting: 'EPIPE',
    held: 'late',
    served: ['/', '/', '/held', ...Array(2).fill('/by-a-new-session')],
  })
})

/** A socket by which so many bytes have been read. */
function reading(): Socket & { bytesRead: number } {
  const socket = new Socket()
  Object.defineProperty(socket, 'bytesRead', { value: 0, writable: true })
  return socket as Socket & { bytesRead: number }
}

test('several writes answered in part are under way for some seconds, one that is not answered for ever', (t) => {
  const socket = reading()
  noteWrite(socket, ['a request'])
  socket.bytesRead = 1
  noteWrite(socket, ['a request'])
  noteWrite(socket, ['a request'])
  const later = performance.now() + 6000
  t.true(hasUnderWay(socket, 0, [later]))
  socket.bytesRead = 2
  t.true(hasUnderWay(socket, 0, [performance.now()]))
  t.false(hasUnderWay(socket, 0, [later]))
  noteWrite(socket, ['a request'])
  t.true(hasUnderWay(socket, 0, [later]))
})

test('an answer of more than 64 KiB may be a part of one, for some seconds', (t) => {
  const socket = reading()
  noteWrite(socket, ['a request'])
  socket.bytesRead = 100_000
  t.true(hasUnderWay(socket, 0, [performance.now()]))
  t.false(hasUnderWay(socket, 0, [performance.now() + 6000]))
})

const startup = Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0])
const message = (type: string) => Buffer.concat([Buffer.from(type), Buffer.from([0, 0, 0, 4])])
const SEVERAL: Array<
  [what: string, first: string | Buffer, written: Array<string | Buffer>, several: boolean]
> = [
  ['chunks that were corked', 'hello', ['a', 'b'], true],
  ['commands of a Redis pipeline', '*1', ['*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n'], true],
  ['a command of Redis in pieces', '*1', ['*2\r\n$3\r\nGET\r\n$1\r\n', Buffer.from('a'), '\r\n'], false],
  ['two queries of PostgreSQL', startup, [message('Q'), message('Q')], true],
  ['one prepared query of PostgreSQL', startup, ['P', 'B', 'D', 'E', 'S'].map(message), false],
]

for (const [what, first, written, several] of SEVERAL) {
  test(`${what} count as ${several ? 'several requests' : 'one'}`, (t) => {
    const socket = reading()
    noteWrite(socket, [first])
    socket.bytesRead = 1
    noteWrite(
      socket,
      written.map((chunk) => ({ chunk })),
    )
    socket.bytesRead = 2
    t.is(hasUnderWay(socket, 0, [performance.now()]), several)
  })
}

test('what is queued is under way, whatever was read since the last write', (t) => {
  const socket = reading()
  noteWrite(socket, ['a request'])
  socket.bytesRead = 1
  const now = performance.now()
  t.false(hasUnderWay(socket, 0, [now]))
  t.true(hasUnderWay(socket, 1, [now]))
})

test('the first write of a connection may have been queued, as by node:http', async (t) => {
  const server = await netServer()
  const [socket, peer] = await pair(server)
  socket.cork()
  socket.write('a request')
  // Node's `bytesWritten` throws from here on until it is written.
  socket.uncork()
  const [received] = await once(peer, 'data')
  t.is(String(received), 'a request')
  for (const end of [socket, peer]) end.destroy()
  server.close()
})

test('a second copy of the package adds nothing to what each socket does', async (t) => {
  const { write, _write, _destroy } = Socket.prototype
  const copy = '#dist/in-clone/silent-connections.js?second'
  t.not(await import(copy), await import('#dist/in-clone/silent-connections.js'))
  t.deepEqual(
    [Socket.prototype.write, Socket.prototype._write, Socket.prototype._destroy],
    [write, _write, _destroy],
  )
})

test('a connection that was written to before the package was loaded counts as under way', (t) => {
  const socket = reading()
  t.false(hasUnderWay(socket, 0, [0]))
  Object.assign(socket, { _handle: { bytesWritten: 1 } })
  t.true(hasUnderWay(socket, 0, [0]))
})

test('a connection that a server has accepted has no requests of its own', (t) => {
  const socket = Object.assign(reading(), { server: {} })
  noteWrite(socket, ['a request'])
  Object.assign(socket, { _handle: { bytesWritten: 1 } })
  t.false(hasUnderWay(socket, 0, [0]))
})
