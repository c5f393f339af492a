import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const HOST = '127.0.0.1'
/** Where Debian's packages have PostgreSQL. */
const PG_VERSIONS = '/usr/lib/postgresql'
const PATIENCE_MS = 60_000
const POLL_MS = 20

const running = new Set<ChildProcess>()

/**
Starts a Redis and a PostgreSQL, which end with this process. Programs find them by the environment: `REDIS_URL`, and
what `libpq` and so `pg` read.
*/
export async function startServers(): Promise<void> {
  const folders = ['redis', 'postgres'].map((name) => mkdtempSync(join(tmpdir(), `qclone-${name}-`)))
  process.on('exit', () => {
    for (const server of running) if (server.pid) process.kill(-server.pid, 'SIGKILL')
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
  const [forRedis = '', forPostgres = ''] = folders
  const [redis, postgres] = await Promise.all([startRedis(forRedis), startPostgres(forPostgres)])
  Object.assign(process.env, {
    REDIS_URL: `redis://${HOST}:${redis}`,
    PGHOST: HOST,
    PGPORT: String(postgres),
    PGUSER: 'conformance',
    PGDATABASE: 'postgres',
  })
}

async function startRedis(folder: string): Promise<number> {
  const port = await freePort()
  await start(port, 'redis-server', ['--port', `${port}`, '--bind', HOST, '--save', '', '--dir', folder])
  return port
}

async function startPostgres(data: string): Promise<number> {
  const port = await freePort()
  // It refuses to be root, and has a user of its own wherever its package is installed.
  const isRoot = process.getuid?.() === 0
  if (isRoot) execFileSync('chown', ['postgres', data])
  const runsAs = isRoot ? ['runuser', '-u', 'postgres', '--'] : ['env']
  const bin = join(PG_VERSIONS, readdirSync(PG_VERSIONS).at(-1) ?? '', 'bin')
  const [command = '', ...args] = [
    ...runsAs,
    join(bin, 'initdb'),
    '-D',
    data,
    '-U',
    'conformance',
    '-A',
    'trust',
    '-N',
  ]
  execFileSync(command, args, { cwd: data, stdio: ['ignore', 'ignore', 'inherit'] })
  const server = [join(bin, 'postgres'), '-D', data, '-p', `${port}`, '-h', HOST, '-k', data, '-F']
  await start(port, command, [...runsAs.slice(1), ...server], data)
  const isReady = () => {
    try {
      execFileSync(join(bin, 'pg_isready'), ['-q', '-h', HOST, '-p', `${port}`])
      return true
    } catch {
      return false
    }
  }
  while (!isReady()) await delay(POLL_MS)
  return port
}

/** Starts a server, and waits until it accepts connections. */
async function start(port: number, command: string, args: string[], cwd?: string): Promise<void> {
  const server: ChildProcess = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let said = ''
  server.stderr?.on('data', (text) => {
    said += text
  })
  let failure: Error | undefined
  running.add(server)
  server.once('error', (error) => {
    failure = error
  })
  server.once('exit', () => {
    running.delete(server)
    failure = new Error(`${command} has ended:\n${said}`)
  })
  // Neither it nor its pipe keeps this process going.
  server.unref()
  ;(server.stderr as Socket | null)?.unref()
  const deadline = performance.now() + PATIENCE_MS
  while (!(await accepts(port))) {
    if (failure) throw failure
    if (performance.now() > deadline) throw new Error(`${command} does not accept connections`)
    await delay(POLL_MS)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST)
    const settle = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => settle(true)).once('error', () => settle(false))
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, HOST), 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}
