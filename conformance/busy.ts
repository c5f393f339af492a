import { AsyncLocalStorage } from 'node:async_hooks'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createReadStream, createWriteStream, readFileSync, watch, watchFile, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, get } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { BroadcastChannel, MessageChannel } from 'node:worker_threads'
import { createGzip } from 'node:zlib'
import { PROGRAMS } from './catalog.js'

/** Continuous activity of a busy process. */
interface Activity {
  readonly name: string
  /** Number of completed rounds. */
  rounds: number
}

export interface Busy {
  /** Throws unless every activity continues. */
  check(): Promise<void>
}

const HOST = '127.0.0.1'
const PATIENCE_MS = 5000
const POLL_MS = 2
const MIB = 2 ** 20

const activities: Activity[] = []

function activity(name: string): () => void {
  const made = { name, rounds: 0 }
  activities.push(made)
  return () => {
    made.rounds++
  }
}

/**
Makes this process busy with everything that a long-lived Node process has open: servers, clients with keep-alive
connections, writes that nobody reads, watchers, streams, channels, a child, listeners, timers.

@returns once each activity has completed a round.
*/
export async function makeBusy(folder: string): Promise<Busy> {
  // Like any process that has logged something.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  haveListeners()
  haveState()
  haveTimers()
  haveChannels()
  haveFiles(folder)
  haveChild()
  await haveHttp()
  await haveConnections(folder)
  await haveEncrypted()
  await haveDatagrams()
  await untilAllGoOn()
  return { check: untilAllGoOn }
}

async function untilAllGoOn(): Promise<void> {
  const before = activities.map(({ rounds }) => rounds)
  const still = () => activities.filter(({ rounds }, i) => rounds <= (before[i] ?? 0))
  const deadline = performance.now() + PATIENCE_MS
  while (still().length > 0) {
    if (performance.now() > deadline) {
      const names = still().map(({ name }) => name)
      throw new Error(`the busy parent's ${names.join(', ')} did not go on for ${PATIENCE_MS} ms`)
    }
    await delay(POLL_MS)
  }
}

function haveListeners(): void {
  for (const signal of [
    'SIGHUP',
    'SIGTERM',
    'SIGINT',
    'SIGUSR2',
    'SIGCHLD',
    'SIGPIPE',
    'SIGWINCH',
  ] as const) {
    process.on(signal, () => {})
  }
  for (const event of ['beforeExit', 'exit', 'rejectionHandled']) process.on(event, () => {})
  const fail = (error: unknown) => {
    console.error('the busy parent failed:', error)
    process.exit(70)
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
}

/** Leaves work half done. */
function haveState(): void {
  createHash('sha256').update('half')
  new AsyncLocalStorage().enterWith('of the parent')
  AbortSignal.timeout(3_600_000).addEventListener('abort', () => {})
  const gzip = createGzip()
  gzip.on('data', () => {})
  gzip.write('half')
}

function haveTimers(): void {
  setInterval(activity('interval'), 3)
  const timeout = activity('timeout')
  const again = () => {
    timeout()
    setTimeout(again, 2)
  }
  again()
  const immediate = activity('immediate')
  setInterval(() => setImmediate(() => process.nextTick(() => queueMicrotask(immediate))), 4)
  setTimeout(() => {}, 3_600_000)
}

function haveChannels(): void {
  const { port1, port2 } = new MessageChannel()
  port1.on('message', activity('message channel'))
  setInterval(() => port2.postMessage({ of: 'the parent' }), 5)
  const [sender, receiver] = [new BroadcastChannel('news'), new BroadcastChannel('news')]
  receiver.onmessage = activity('broadcast channel')
  setInterval(() => sender.postMessage('of the parent'), 5)
}

function haveFiles(folder: string): void {
  const big = join(folder, 'big')
  writeFileSync(big, Buffer.alloc(4 * MIB, 'b'))
  createReadStream(big).pause()
  createReadStream(big, { highWaterMark: 1024 }).once('data', function (this: NodeJS.ReadableStream) {
    this.pause()
  })
  createWriteStream(join(folder, 'log')).write('of the parent\n')
  const watched = join(folder, 'watched')
  writeFileSync(watched, '')
  watch(folder, activity('watcher'))
  watchFile(watched, { interval: 3_600_000 }, () => {})
  let line = 0
  setInterval(() => writeFileSync(watched, `${line++}`), 20)
}

function haveChild(): void {
  const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] })
  createInterface({ input: child.stdout }).on('line', activity('child'))
  setInterval(() => child.stdin.write('of the parent\n'), 20)
}

async function haveHttp(): Promise<void> {
  const server = createHttpServer((request, response) => {
    if (request.url === '/never') return
    response.end(`of the parent: ${request.url}`)
  })
  // The default closes connections unused for 5 s, and a parent does not use them while it loads a large package.
  server.keepAliveTimeout = 60_000
  const port = await listening(server)
  const url = `http://${HOST}:${port}/`
  const answered = activity('http')
  setInterval(() => get(url, (response) => text(response).then(answered)), 20)
  get(`${url}never`)
  const fetched = activity('fetch')
  setInterval(async () => {
    await (await fetch(`${url}fetched`)).text()
    fetched()
  }, 30)
}

async function haveConnections(folder: string): Promise<void> {
  const server = createServer((socket) => socket.pipe(socket))
  const port = await listening(server)
  const echoed = activity('tcp')
  const client = connect(port, HOST).on('data', echoed)
  setInterval(() => client.write('of the parent'), 5)

  const local = createServer((socket) => socket.pipe(socket))
  const path = join(folder, 'socket')
  await once(local.listen(path), 'listening')
  const localClient = connect(path).on('data', activity('unix socket'))
  setInterval(() => localClient.write('of the parent'), 5)

  // The server never reads, so most of the data stays pending.
  const deaf = createServer({ pauseOnConnect: true }, () => {})
  connect(await listening(deaf), HOST).write(Buffer.alloc(16 * MIB, 'w'))
}

async function haveEncrypted(): Promise<void> {
  const [key, cert] = ['key', 'cert'].map((name) => readFileSync(join(PROGRAMS, `support/${name}.pem`)))
  if (!key || !cert) throw new Error('no certificate')
  const server = createTlsServer({ key, cert }, (socket) => socket.pipe(socket))
  const client = connectTls({ port: await listening(server), host: HOST, ca: cert })
  client.on('data', activity('tls'))
  setInterval(() => client.write('of the parent'), 10)

  const streams = createHttp2Server().on('stream', (stream) => {
    stream.respond({ ':status': 200 })
    stream.end('of the parent')
  })
  const session = connectHttp2(`http://${HOST}:${await listening(streams)}`)
  const answered = activity('http2')
  setInterval(() => text(session.request({ ':path': '/' })).then(answered), 20)
}

async function haveDatagrams(): Promise<void> {
  const [sender, receiver] = [createSocket('udp4'), createSocket('udp4')]
  receiver.on('message', activity('udp'))
  await once(receiver.bind(0, HOST), 'listening')
  const { port } = receiver.address()
  setInterval(() => sender.send('of the parent', port, HOST), 5)
}

async function listening(server: Server | ReturnType<typeof createHttp2Server>): Promise<number> {
  await once(server.listen(0, HOST), 'listening')
  return (server.address() as AddressInfo).port
}
