import { type Conversation, ProtocolError } from 'node-qclone'
import { kdb } from 'node-qclone/kdb'
import { ndjson } from 'node-qclone/ndjson'
import { readArgs } from '../harness/args.js'
import { openPart, program, report } from '../harness/program.js'
import { rounded } from '../harness/stats.js'
import { Client } from './codecs/client.js'
import { JSON_SHAPES, MIB, message, packed, SHAPES, vector } from './codecs/messages.js'
import { type Cost, type Ports, type Question, serve } from './codecs/server.js'

const options = readArgs(
  `Usage: npm run soak -- codecs [options]

Measures what one client of cloneQueries can cost the parent with the most expensive messages: CPU time, the longest
time during which it does nothing else, and memory. Passes if each is within about twice the figure in docs/api.md,
which leaves room for a busy machine.`,
  {
    rounds: { about: 'measurements of each; the minimum counts', fallback: 2, min: 1, max: 20 },
  },
)

/** What a client does, and the most it may cost. */
interface Case {
  codec: 'kdb' | 'ndjson'
  /** Bytes the client sends once it is connected. */
  send: () => Buffer
  /** Number of bytes in the answer, or the end of the connection. `'stuck'`: the server reads no more. */
  until: number | 'stuck'
  /** Number of clients that do the same. */
  clients?: number
  /** Whether the clients send a greeting. */
  greets?: boolean
  most: { cpuMs: number; longestMs: number; peakMb: number }
}

const GREETING = Buffer.from('user:password\x03\0')
const CAPABILITY_BYTES = 1
/** Bytes of a long in a kdb+ response, and of `{"result":0}` with its line end. */
const REPLY_BYTES = { kdb: 17, ndjson: 13 }
const SMALL_QUERY = { kdb: message(1, Buffer.from('ff01', 'hex')), ndjson: Buffer.from('{"query":1}\n') }
const STAY = {
  kdb: message(1, Buffer.from('0a000400000073746179', 'hex')),
  ndjson: Buffer.from('{"query":"stay"}\n'),
}
/** Cost of a fork and of Node's work for a connection. */
const FORK = { cpuMs: 60, longestMs: 40, peakMb: 10 }
/** The bytes are held, and copied while the buffer grows. */
const LARGE = { cpuMs: 200, longestMs: 100, peakMb: 50 }
const UPDATE = { cpuMs: 120, longestMs: 100, peakMb: 40 }
const LARGEST = 16 * MIB
const SMALLER = 0.9
/** Bytes of a line besides its value, plus the bytes by which a shape may exceed its size. */
const MOST_AROUND_BYTES = 1000

const CASES: Record<string, Case> = {
  'a small query': query('kdb', () => SMALL_QUERY.kdb, FORK),
  'a query of 16 MiB': query('kdb', () => message(1, vector(14, 4, LARGEST)), LARGE),
  'a query that uncompresses to 16 MiB': query('kdb', () => packed(message(1, vector(14, 4, LARGEST))), FORK),
  'a query that would uncompress to 64 MiB': {
    codec: 'kdb',
    send: () => packed(message(1, vector(11, 1, 4 * LARGEST))),
    until: Infinity,
    most: FORK,
  },
  'all but the end of a query': {
    codec: 'kdb',
    send: () => message(1, vector(14, 4, LARGEST)).subarray(0, -1),
    until: 'stuck',
    most: LARGE,
  },
  'small queries behind one that takes long': {
    codec: 'kdb',
    send: () => Buffer.concat([STAY.kdb, Buffer.alloc(4 * MIB, SMALL_QUERY.kdb)]),
    until: 'stuck',
    most: FORK,
  },
  'greetings without an end, of 100 clients': {
    codec: 'kdb',
    send: () => Buffer.alloc(4096, 'u'),
    until: 'stuck',
    clients: 100,
    greets: false,
    most: { ...FORK, cpuMs: 100 * 5 },
  },
  'compressed updates, 64 KiB of them': updates('kdb', packedUpdates, 7),
  ...Object.fromEntries(
    Object.entries(SHAPES).map(([name, body]) => [
      `the largest update: ${name}`,
      updates('kdb', () => largest(kdbOpen, MIB, (size) => message(0, body(size))), 1),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(JSON_SHAPES).map(([name, json]) => [
      `the largest line: ${name}`,
      query('ndjson', () => largest(ndjsonOpen, LARGEST, lineOf('query', json)), LARGE),
    ]),
  ),
  'short lines behind one that takes long': {
    codec: 'ndjson',
    send: () => Buffer.concat([STAY.ndjson, Buffer.alloc(4 * MIB, SMALL_QUERY.ndjson)]),
    until: 'stuck',
    most: FORK,
  },
  ...Object.fromEntries(
    Object.entries(JSON_SHAPES).map(([name, json]) => [
      `the largest line that is an update: ${name}`,
      updates('ndjson', () => largest(ndjsonOpen, MIB, lineOf('update', json)), 1),
    ]),
  ),
}

function packedUpdates(): Buffer {
  const one = packed(message(0, vector(14, 4, MIB)))
  return Buffer.concat(Array(Math.floor((64 * 1024) / one.length)).fill(one))
}

function lineOf(key: 'query' | 'update', json: (size: number) => string): (size: number) => Buffer {
  return (size) => Buffer.from(`{"${key}":${json(size - MOST_AROUND_BYTES)}}\n`)
}

function kdbOpen(): Conversation {
  const conversation = kdb().open()
  conversation.receive(GREETING)
  return conversation
}

function ndjsonOpen(): Conversation {
  return ndjson().open()
}

/** Largest message of a shape that is accepted, within 10 %. */
function largest(open: () => Conversation, most: number, shape: (size: number) => Buffer): Buffer {
  for (let size = most; ; size *= SMALLER) {
    const bytes = shape(Math.floor(size))
    try {
      const [received] = open().receive(bytes)
      if (received && 'value' in received && received.value !== undefined) return bytes
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
    }
  }
}

/** Case of one query, until it is answered or refused. */
function query(codec: Case['codec'], send: () => Buffer, most: Case['most']): Case {
  return { codec, send, until: REPLY_BYTES[codec], most }
}

/** Number of updates of maximum size that can be garbage before V8 collects it. */
const MOST_GARBAGE = 4

/** Case of several updates, until a query after them is answered. */
function updates(codec: Case['codec'], send: () => Buffer, count: number): Case {
  const peakMb = Math.min(count, MOST_GARBAGE) * UPDATE.peakMb
  const most = { ...UPDATE, cpuMs: count * UPDATE.cpuMs, peakMb }
  return { codec, send: () => Buffer.concat([send(), SMALL_QUERY[codec]]), until: REPLY_BYTES[codec], most }
}

async function cost({ codec, send, until, clients = 1, greets = codec === 'kdb' }: Case): Promise<Cost> {
  const server = openPart<Question, Ports | Cost>('server', {
    limitMs: 120_000,
    noisy: true,
    withoutCores: true,
  })
  const ports = (await server.ask('ports')) as Ports
  const bytes = send()
  const connect = async () => {
    const client = new Client(ports[codec])
    if (greets) {
      client.send(GREETING)
      await client.answered(CAPABILITY_BYTES)
    }
    return client
  }
  // Runs everything that happens only once in the life of a server.
  const first = new Client(ports[codec])
  if (codec === 'kdb') first.send(GREETING)
  first.send(SMALL_QUERY[codec])
  const greeted = codec === 'kdb' ? CAPABILITY_BYTES : 0
  await first.answered(greeted + REPLY_BYTES[codec])
  await server.ask('begin')
  const all = await Promise.all(Array.from({ length: clients }, connect))
  for (const client of all) client.send(bytes)
  for (const client of all) {
    if (until === 'stuck') await client.stuck()
    else await client.answered((greets ? CAPABILITY_BYTES : 0) + until)
  }
  const measured = (await server.ask('end')) as Cost
  for (const client of [first, ...all]) client.close()
  await server.end()
  return measured
}

/** Minimum of several measurements, as other processes may keep the machine busy. */
function least(costs: readonly Cost[]): Cost {
  const of = (key: keyof Cost) => Math.min(...costs.map((one) => one[key]))
  return { cpuMs: of('cpuMs'), longestMs: of('longestMs'), peakMb: of('peakMb') }
}

await program({ server: serve }, async () => {
  const costs: Record<string, Cost & { sentKb: number }> = {}
  const beyond: string[] = []
  for (const [name, one] of Object.entries(CASES)) {
    const rounds: Cost[] = []
    for (let round = 0; round < options.rounds; round++) rounds.push(await cost(one))
    const found = least(rounds)
    costs[name] = { sentKb: rounded(one.send().length / 1024), ...found }
    for (const key of ['cpuMs', 'longestMs', 'peakMb'] as const) {
      if (found[key] > one.most[key]) beyond.push(`${name}: ${key} ${found[key]} of ${one.most[key]}`)
    }
  }
  report({ node: process.version, met: beyond.length === 0, beyond, ...costs }, options.json)
  return beyond.length === 0
})
