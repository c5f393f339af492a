import { Resolver } from 'node:dns'
import { Server } from 'node:net'
import test from 'ava'
import { playScene } from './helpers/fixture.js'

test('no source of randomness repeats in parent, clones and clones of clones', async (t) => {
  t.deepEqual(await playScene(t, 'identity', 'randomness'), {
    'Math.random': 0,
    'a reference to Math.random': 0,
    randomUUID: 0,
    'crypto.randomUUID': 0,
    randomInt: 0,
    randomBytes: 0,
    getRandomValues: 0,
  })
})

test('a Math.random that somebody has replaced is left alone', async (t) => {
  t.deepEqual(await playScene(t, 'identity', 'Math.random of others'), { 'left alone': [true, 0.5] })
})

test('a clone has its own pid, parent and title', async (t) => {
  t.deepEqual(await playScene(t, 'identity', 'process'), { 'own pid': true, ppid: true, title: [true, true] })
})

test('the standard input of a clone is empty', async (t) => {
  t.deepEqual(
    await playScene(t, 'identity', 'standard input', {
      wrapper: ['sh', '-c', 'echo text | exec "$@"', 'sh'],
    }),
    {
      'by run': '',
      'by spawn': 0,
    },
  )
})

test('usage and clocks never go backwards, in clones and in clones of clones', async (t) => {
  t.deepEqual(await playScene(t, 'usage', 'never backwards'), {
    'in a clone': [],
    'in a clone of it': [],
    'in the parent': [],
  })
})

test('process.cpuUsage takes a reading from before the fork, and refuses what is none', async (t) => {
  t.deepEqual(await playScene(t, 'usage', 'by readings'), {
    'since before the fork': true,
    'counts on': true,
    'no reading': 'ERR_INVALID_ARG_VALUE',
  })
})

test('a process.cpuUsage that somebody has replaced is left alone', async (t) => {
  t.deepEqual(await playScene(t, 'usage', 'replaced'), { 'left alone': true })
})

test('ids of DNS queries repeat in no clone, by whatever resolver', async (t) => {
  const all = [16, true]
  t.deepEqual(await playScene(t, 'resolvers', 'ids'), {
    'dns.promises': all,
    'dns.resolve': all,
    'a Resolver': all,
    'a Resolver of promises': all,
  })
})

test('a resolver keeps servers, local address, timeout and tries in a clone', async (t) => {
  t.deepEqual(await playScene(t, 'resolvers', 'options'), {
    'in a clone': [true, 'ENOTFOUND', 'ETIMEOUT'],
    tries: 3,
    from: ['127.0.0.7'],
    'of the clone': true,
    once: 4,
  })
})

test("a DNS query under way is the parent's alone", async (t) => {
  t.deepEqual(await playScene(t, 'resolvers', 'under way'), {
    'in the parent': 'ETIMEOUT',
    'told in the clone': false,
    sent: 2,
  })
})

test('servers of every kind tell their address in a clone', async (t) => {
  t.deepEqual(await playScene(t, 'addresses', 'servers'), {
    net: [true, 'object'],
    http: [true, 'object'],
    tls: [true, 'object'],
    ipv6: [true, 'object'],
    unix: [true, 'string'],
    closed: [true, 'object'],
    'of a clone': true,
  })
})

test('connections tell both their addresses in a clone', async (t) => {
  t.deepEqual(await playScene(t, 'addresses', 'sockets'), { tcp: true, encrypted: true })
})

test('UDP sockets tell both their addresses in a clone', async (t) => {
  t.deepEqual(await playScene(t, 'addresses', 'datagrams'), { 'as in the parent': true })
})

test("what a clone opens has its own address, even at the number of its parent's", async (t) => {
  t.deepEqual(await playScene(t, 'addresses', 'of the clone'), { 'its own differs': true, 'in spawn': 1 })
})

test("a clone of a request knows its server's address and the client's", async (t) => {
  t.deepEqual(await playScene(t, 'addresses', 'requests'), { ports: [true, true, true] })
})

test('a second copy of the package changes nothing once more', async (t) => {
  await import('#dist/in-clone/addresses.js')
  const { address } = Server.prototype
  const copy = '#dist/in-clone/addresses.js?second'
  t.not(await import(copy), await import('#dist/in-clone/addresses.js'))
  t.is(Server.prototype.address, address)
})

test('nor does it note resolvers once more', async (t) => {
  await import('#dist/in-clone/dns-resolvers.js')
  const base = Object.getPrototypeOf(Resolver.prototype) as Record<symbol, unknown>
  const methods = () => Object.getOwnPropertySymbols(base).map((key) => base[key])
  const before = methods()
  const copy = '#dist/in-clone/dns-resolvers.js?second'
  t.not(await import(copy), await import('#dist/in-clone/dns-resolvers.js'))
  t.deepEqual(methods(), before)
})
