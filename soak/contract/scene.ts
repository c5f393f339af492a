import { type ChildProcess, spawn as spawnProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  type FSWatcher,
  readFileSync,
  readlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { until } from '../../harness/until.js'
import { bodyOf, CONTENT_TYPE, PID_HEADER, TOKEN_HEADER } from './wire.js'

const TICK_MS = 5
const ECHO_INTERVAL_MS = 50
const FILE_INTERVAL_MS = 50
const READ_INTERVAL_MS = 50
const SIGNAL_INTERVAL_MS = 100
const FETCH_INTERVAL_MS = 500
/** Longer than a connection is ever idle between requests. */
const KEEP_ALIVE_MS = 120_000
const PIECE_BYTES = 65_536
const STOP_LIMIT_MS = 20_000

export interface SceneFigures {
  /** Callbacks of the parent that ran in a clone, by their source. */
  ghosts: Record<string, number>
  fileEvents: number
  signals: number
  ticks: number
  reads: number
  fetches: number
  /** Lines the child process echoed. */
  echoes: number
  /** Unexpected events. */
  wrong: string[]
}

/**
Everything that lives in the parent while it is cloned: a server, timers, immediates, a watched file, listeners for
signals and errors, a child process, reads by the thread pool, a client. None of its callbacks may run in a clone.
*/
export class Scene {
  readonly folder: string
  readonly pid = realPid()
  readonly server = createServer((request, response) => this.#serve(request, response))
  readonly sockets = new Set<Socket>()
  /** Kind of the clone, set in a clone. */
  acting = 'no kind'
  watcher!: FSWatcher
  child!: ChildProcess
  readonly #ghostFile: string
  readonly #watchedFile: string
  readonly #figures = { fileEvents: 0, signals: 0, ticks: 0, reads: 0, fetches: 0, echoes: 0 }
  readonly #wrong: string[] = []
  #intervals: NodeJS.Timeout[] = []
  #fetching: NodeJS.Timeout | undefined
  /** Pending reads and fetches. */
  #underWay = 0
  #echoExpected = ''
  #paused = false
  #stopped = false
  #abortsExpected = false

  constructor(folder: string) {
    this.folder = folder
    this.#ghostFile = join(folder, 'ghosts')
    this.#watchedFile = join(folder, 'watched')
  }

  async start(): Promise<number> {
    this.server.keepAliveTimeout = KEEP_ALIVE_MS
    this.server.on('connection', (socket) => {
      this.haunt('connection')
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    })
    await once(this.server.listen(0, '127.0.0.1'), 'listening')
    writeFileSync(this.#watchedFile, '')
    this.watcher = watch(this.#watchedFile, () => {
      this.haunt('watcher')
      this.#figures.fileEvents++
    })
    this.#startChild()
    this.#listen()
    // Opens stdout in the parent, so that clones inherit it.
    process.stdout.write('')
    this.resume()
    return (this.server.address() as AddressInfo).port
  }

  /** Restarts everything that {@link pause} has stopped. */
  resume(): void {
    this.#paused = false
    let n = 0
    this.#intervals = [
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#echo(`line ${n++}\n`), ECHO_INTERVAL_MS),
      setInterval(() => writeFileSync(this.#watchedFile, `${n}`), FILE_INTERVAL_MS),
      setInterval(() => this.#read(), READ_INTERVAL_MS),
      setInterval(() => process.kill(process.pid, 'SIGUSR2'), SIGNAL_INTERVAL_MS),
    ]
    this.#fetch()
  }

  /** Pauses everything that opens descriptors, so that they can be counted. */
  async pause(): Promise<void> {
    this.#paused = true
    for (const interval of this.#intervals) clearInterval(interval)
    clearTimeout(this.#fetching)
    if (!(await until(() => this.#underWay === 0, STOP_LIMIT_MS))) this.#wrong.push('a read or fetch hangs')
  }

  /** Records a ghost if called in a clone. */
  haunt(what: string): void {
    // Reads the pid from the kernel, as `process.pid` could be wrong in a clone.
    const pid = realPid()
    if (pid !== this.pid) appendFileSync(this.#ghostFile, `${what} (${this.acting})\n`)
  }

  /** Called in a clone that is about to destroy sockets, which aborts half-sent replies. */
  expectAborts(): void {
    this.#abortsExpected = true
  }

  /** Number of connections with a half-sent reply. */
  pendingWrites(): number {
    let pending = 0
    for (const { writableLength } of this.sockets) if (writableLength > 0) pending++
    return pending
  }

  /** Ends everything. The client's connections must be closed before. */
  async stop(): Promise<SceneFigures> {
    if (!this.#stopped) await this.#stop()
    const ghosts: Record<string, number> = {}
    const lines = existsSync(this.#ghostFile) ? readFileSync(this.#ghostFile, 'utf8').trim().split('\n') : []
    for (const what of lines) ghosts[what] = (ghosts[what] ?? 0) + 1
    return { ghosts, ...this.#figures, wrong: this.#wrong }
  }

  async #stop(): Promise<void> {
    this.#stopped = true
    await this.pause()
    this.watcher.close()
    this.server.closeAllConnections()
    this.server.close()
    this.child.stdin?.end()
    const isGone = () => this.child.exitCode !== null || this.child.signalCode !== null
    if (!(await until(isGone, STOP_LIMIT_MS))) this.child.kill('SIGKILL')
    if (this.child.exitCode !== 0) this.#wrong.push(`the child process ended by ${this.child.exitCode}`)
    await until(() => this.child.stdout?.closed ?? true, STOP_LIMIT_MS)
    if (this.#echoExpected !== '') this.#wrong.push('the child process lost input')
    for (const [name, count] of Object.entries(this.#figures)) {
      if (count === 0) this.#wrong.push(`no ${name}`)
    }
    for (const signal of SIGNALS) process.removeAllListeners(signal)
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.haunt('request')
    const [, how, size, token = ''] = request.url?.split('/') ?? []
    const body = bodyOf(token, Number(size))
    response.writeHead(200, {
      'content-type': CONTENT_TYPE,
      'content-length': body.length,
      [TOKEN_HEADER]: token,
      [PID_HEADER]: realPid(),
    })
    if (how === 'pieces') this.#writePieces(response, body)
    else response.end(body, () => this.#written())
  }

  /** Writes as a stream does: little is pending at any moment, and a clone's silent socket would have room for it. */
  async #writePieces(response: ServerResponse, body: Buffer): Promise<void> {
    for (let at = 0; at < body.length; at += PIECE_BYTES) {
      const goOn = response.write(body.subarray(at, at + PIECE_BYTES), () => this.#written())
      if (goOn) continue
      await once(response, 'drain')
      this.haunt('drain')
    }
    response.end()
  }

  #written(): void {
    if (!this.#abortsExpected) this.haunt('written')
  }

  /** Leaves one of everything pending that a turn can leave pending. */
  #tick(): void {
    this.haunt('interval')
    this.#figures.ticks++
    this.leavePending()
  }

  leavePending(): void {
    setImmediate(() => this.haunt('immediate'))
    setTimeout(() => this.haunt('timeout'), 1)
    process.nextTick(() => this.haunt('tick'))
    Promise.resolve().then(() => this.haunt('promise'))
  }

  #read(): void {
    this.#underWay++
    const read = readFile(new URL(import.meta.url)).then(
      () => {
        this.haunt('read')
        this.#figures.reads++
      },
      (error) => this.#wrong.push(`read: ${error}`),
    )
    read.finally(() => {
      this.#underWay--
    })
  }

  #startChild(): void {
    // Echoes its input.
    this.child = spawnProcess('cat', { stdio: ['pipe', 'pipe', 'inherit'] })
    this.child.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
      this.haunt('child output')
      this.#figures.echoes++
      if (!this.#echoExpected.startsWith(chunk)) this.#wrong.push(`wrong echo from the child: ${chunk}`)
      this.#echoExpected = this.#echoExpected.slice(chunk.length)
    })
    this.child.on('exit', () => {
      this.haunt('child exit')
      if (!this.#stopped) this.#wrong.push('the child process ended')
    })
  }

  #echo(line: string): void {
    this.haunt('interval')
    this.#echoExpected += line
    this.child.stdin?.write(line)
  }

  /** Sends a request to its own server, with the only client of the process. */
  async #fetch(): Promise<void> {
    this.#underWay++
    try {
      const { port } = this.server.address() as AddressInfo
      const reply = await fetch(`http://127.0.0.1:${port}/whole/100/own`)
      const text = await reply.text()
      this.haunt('fetch')
      if (text !== bodyOf('own', 100).toString()) this.#wrong.push(`fetched ${text}`)
      this.#figures.fetches++
    } catch (error) {
      this.#wrong.push(`fetch: ${error}`)
    }
    this.#underWay--
    if (!this.#paused) this.#fetching = setTimeout(() => this.#fetch(), FETCH_INTERVAL_MS)
  }

  #listen(): void {
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        this.haunt(signal)
        this.#figures.signals++
        // The program sends only SIGUSR2, so the user sent this one.
        if (signal !== 'SIGUSR2') process.exit(1)
      })
    }
    for (const event of ['exit', 'beforeExit', 'message', 'disconnect'] as const) {
      process.on(event, () => this.haunt(event))
    }
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        this.haunt(event)
        this.#wrong.push(`${event}: ${error instanceof Error ? error.stack : error}`)
      })
    }
  }
}

const SIGNALS = ['SIGUSR2', 'SIGTERM', 'SIGHUP', 'SIGINT'] as const

function realPid(): number {
  return Number(readlinkSync('/proc/self'))
}
