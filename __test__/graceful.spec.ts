import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { killGroup, membersInWords, untilEmpty } from '../harness/group.js'
import { membersOf } from '../harness/proc.js'
import { until } from '../harness/processes.js'
import { runScript } from './helpers/fixture.js'

const MAIN = fileURLToPath(new URL('../examples/graceful/main.js', import.meta.url))
/** Too many rows for a connection's buffers: a client that does not read keeps its clone busy. */
const MANY_ROWS = 1_000_000
const PATIENCE_MS = 20_000
const STEP_MS = 20
/** Never reached. */
const LONG_MS = 60_000

interface Answer {
  status: number | undefined
  body: string
  connection: string | undefined
}

/** The example in a process group of its own. */
class Server {
  readonly #child
  readonly #closed: Promise<unknown>
  readonly #agent = new Agent({ keepAlive: true })
  #stdout = ''
  #stderr = ''

  constructor(t: ExecutionContext, env: Record<string, string | number>, nodeArgs: string[] = []) {
    const { NODE_OPTIONS: _, ...inherited } = process.env
    this.#child = spawn(process.execPath, [...nodeArgs, MAIN], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...inherited,
        PORT: '0',
        ...Object.fromEntries(Object.entries(env).map(([k, v]) => [k, `${v}`])),
      },
    })
    this.#closed = once(this.#child, 'close')
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stdout += chunk
    })
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk
    })
    const kill = () => killGroup(this.group)
    process.on('exit', kill)
    t.teardown(() => {
      this.#agent.destroy()
      kill()
      process.off('exit', kill)
    })
  }

  get group(): number {
    return this.#child.pid ?? 0
  }

  /** Pids of its running clones. */
  get clones(): number[] {
    return membersOf(this.group).flatMap(({ pid }) => (pid === this.group ? [] : [pid]))
  }

  async listening(): Promise<this> {
    await until('the server listens', () => this.#stdout.includes('listening on'))
    return this
  }

  async ready(): Promise<this> {
    await this.listening()
    await this.answering('/readyz', 200)
    return this
  }

  /** Sends a request, and does not read the body yet. */
  async begin(path: string): Promise<IncomingMessage> {
    const [, origin] = /listening on (\S+)/.exec(this.#stdout) ?? []
    const request = get(`${origin}${path}`, { agent: this.#agent })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    // The reader of the body handles later errors, but there is none yet.
    for (const stream of [request, response]) stream.on('error', () => {})
    return response
  }

  async ask(path: string): Promise<Answer> {
    const response = await this.begin(path)
    const { statusCode, headers } = response
    return { status: statusCode, body: (await text(response)).trimEnd(), connection: headers.connection }
  }

  /** Sends requests until the response has that status. */
  async answering(path: string, status: number): Promise<Answer> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const answer = await this.ask(path)
      if (answer.status === status) return answer
      if (performance.now() > deadline) throw new Error(`${path} is not ${status}: ${answer.body}`)
      await delay(STEP_MS)
    }
  }

  /** Sends requests until connections are refused. */
  async refusing(): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (performance.now() < deadline) {
      try {
        await this.ask('/healthz')
      } catch (error) {
        // A connection that was accepted right before is reset.
        if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return
      }
      await delay(STEP_MS)
    }
    throw new Error('connections are accepted still')
  }

  signal(name: NodeJS.Signals, to: 'group' | 'server'): void {
    process.kill(to === 'group' ? -this.group : this.group, name)
  }

  /** Waits until the process has ended. */
  async ended() {
    const timer = setTimeout(() => killGroup(this.group), PATIENCE_MS)
    const [code, signal] = (await this.#closed) as [number | null, NodeJS.Signals | null]
    clearTimeout(timer)
    await untilEmpty(this.group)
    return { code, signal, left: membersInWords(this.group), stdout: this.#stdout, stderr: this.#stderr }
  }
}

const stops = test.macro({
  exec: async (t, signal: NodeJS.Signals, to: 'group' | 'server') => {
    const server = await new Server(t, { ROWS: MANY_ROWS, DRAIN_MS: 2000, STOP_MS: LONG_MS }).ready()
    const answer = await server.begin('/trades.csv')
    const { clones } = server
    t.is(clones.length, 1)

    server.signal(signal, to)
    const { body } = await server.answering('/readyz', 503)
    t.is(body, 'stopping')
    t.like(await server.ask('/healthz'), { status: 200, connection: 'close' })
    t.like(await server.ask('/total'), { status: 200, connection: 'close' })
    t.like(await server.ask('/volume'), { status: 200, connection: 'close' })
    await server.refusing()
    t.true(clones.every((pid) => server.clones.includes(pid)))

    const [, ...rows] = (await text(answer)).trimEnd().split('\n')
    t.is(rows.length, MANY_ROWS)
    const volume = rows.reduce((sum, row) => sum + Number(row.slice(row.lastIndexOf(',') + 1)), 0)
    t.is(volume, Number(answer.headers['x-volume']))
    t.like(await server.ended(), { code: 0, signal: null, left: '', stderr: '' })
  },
  title: (_, signal, to) => `${signal} to the ${to}: what is under way is answered, then nothing is left`,
})

test(stops, 'SIGTERM', 'group')
test(stops, 'SIGTERM', 'server')
test(stops, 'SIGINT', 'group')

test('what is not over at the deadline is ended', async (t) => {
  const server = await new Server(t, { ROWS: MANY_ROWS, DRAIN_MS: 0, STOP_MS: 200 }).ready()
  const answer = await server.begin('/trades.csv')
  server.signal('SIGTERM', 'server')
  const { stderr, ...ending } = await server.ended()
  t.like(ending, { code: 0, signal: null, left: '' })
  t.regex(stderr, /closing the rest/)
  await t.throwsAsync(text(answer), { code: 'ECONNRESET' })
})

test('a second signal ends it at once', async (t) => {
  const server = await new Server(t, { ROWS: MANY_ROWS, DRAIN_MS: LONG_MS }).ready()
  const answer = await server.begin('/trades.csv')
  server.signal('SIGTERM', 'server')
  await server.answering('/readyz', 503)
  server.signal('SIGINT', 'server')
  t.like(await server.ended(), { code: 130, signal: null, left: '' })
  await t.throwsAsync(text(answer), { code: 'ECONNRESET' })
})

test('while it starts it is alive and not ready, and can be stopped', async (t) => {
  const server = await new Server(t, { ROWS: 50_000_000, DRAIN_MS: 0 }).listening()
  t.like(await server.ask('/healthz'), { status: 200 })
  t.like(await server.ask('/readyz'), { status: 503, body: 'starting' })
  t.like(await server.ask('/volume'), { status: 503, body: 'starting' })
  server.signal('SIGTERM', 'server')
  const { stdout, ...ending } = await server.ended()
  t.like(ending, { code: 0, signal: null, left: '', stderr: '' })
  t.notRegex(stdout, /^ready$/m)
})

test('a process that cannot be cloned for good is alive and not ready', async (t) => {
  const worker = `import{Worker}from"node:worker_threads";new Worker("setInterval(()=>{},1e6)",{eval:true}).unref()`
  const nodeArgs = ['--import', `data:text/javascript,${worker}`]
  const server = await new Server(t, { ROWS: 1, DRAIN_MS: 0 }, nodeArgs).listening()
  const { body } = await server.ask('/readyz')
  t.regex(body, /Worker/)
  t.like(await server.ask('/healthz'), { status: 200 })
  server.signal('SIGTERM', 'server')
  t.like(await server.ended(), { code: 0, signal: null, left: '' })
})

const misconfigured = test.macro({
  exec: async (t, name: string, value: string, words: RegExp) => {
    const { code, stdout, stderr } = await runScript('../../examples/graceful/main.js', {
      env: { [name]: value },
    })
    t.is(code, 2)
    t.is(stdout, '')
    t.regex(stderr, words)
  },
  title: (_, name, value) => `${name}=${value} is refused`,
})

test(
  misconfigured,
  'PORT',
  'http',
  /^graceful: Expected PORT to be a whole number from 0 to 65535, got `http`\n$/,
)
test(
  misconfigured,
  'STOP_MS',
  '-1',
  /^graceful: Expected STOP_MS to be a whole number from 0 to \d+, got `-1`\n$/,
)
test(misconfigured, 'MAX_CLONES', '0', /^graceful: Expected MAX_CLONES to be a whole number from 1 /)
