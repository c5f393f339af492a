import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

// Servers from the system's packages. This file imports nothing else of the project, because the programs of `compat`
// get a copy of it.

export const HOST = '127.0.0.1'
/** Location of Debian's PostgreSQL packages. */
const PG_VERSIONS = '/usr/lib/postgresql'
const PATIENCE_MS = 100_000
const POLL_MS = 20

export interface ServiceOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /**
  Called with the server's process, which then leads its own process group and must be ended by the caller. By default
  the server stays in the group of this process, and ends with it.
  */
  readonly own?: (server: ChildProcess) => void
}

/**
Starts a server, and waits until it accepts connections on `port`. It does not keep this process alive.

@returns the port.
*/
export async function startService(
  port: number,
  command: string,
  args: readonly string[],
  { cwd, env, own }: ServiceOptions = {},
): Promise<number> {
  const server: ChildProcess = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', 'ignore', own ? 'pipe' : 'ignore'],
    detached: own !== undefined,
  })
  own?.(server)
  let said = ''
  server.stderr?.on('data', (text) => {
    said += text
  })
  let failure: Error | undefined
  server.once('error', (error) => {
    failure = error
  })
  server.once('exit', (status, signal) => {
    failure ??= new Error(`${command} ended by ${signal ?? `status ${status}`}\n${said}`)
  })
  server.unref()
  ;(server.stderr as Socket | null)?.unref()
  const deadline = performance.now() + PATIENCE_MS
  while (!(await accepts(port))) {
    if (failure) throw failure
    if (performance.now() > deadline) throw new Error(`${command} does not accept connections`)
    await delay(POLL_MS)
  }
  return port
}

/** Starts a Redis that keeps its files in `folder`. @returns its port. */
export async function startRedis(folder: string, options?: ServiceOptions): Promise<number> {
  const port = await freePort()
  const args = ['--port', `${port}`, '--bind', HOST, '--save', '', '--dir', folder]
  return startService(port, 'redis-server', args, options)
}

/** Starts a PostgreSQL that keeps its files in `data`, and trusts `user`. @returns its port. */
export async function startPostgres(data: string, user: string, options?: ServiceOptions): Promise<number> {
  const port = await freePort()
  const version = existsSync(PG_VERSIONS) ? readdirSync(PG_VERSIONS).at(-1) : undefined
  const bin = join(PG_VERSIONS, version ?? 'none', 'bin')
  // If PostgreSQL is not installed, this fails with the path of the missing file.
  execFileSync(join(bin, 'initdb'), ['--version'], { stdio: 'ignore' })
  // PostgreSQL refuses to run as root. Its package creates a user for it.
  const isRoot = process.getuid?.() === 0
  if (isRoot) execFileSync('chown', ['postgres', data])
  const [command, ...prefix] = isRoot ? (['runuser', '-u', 'postgres', '--'] as const) : (['env'] as const)
  const setup = [join(bin, 'initdb'), '-D', data, '-U', user, '-A', 'trust', '-N']
  execFileSync(command, [...prefix, ...setup], { cwd: data, stdio: ['ignore', 'ignore', 'inherit'] })
  const server = [join(bin, 'postgres'), '-D', data, '-p', `${port}`, '-h', HOST, '-k', data, '-F']
  await startService(port, command, [...prefix, ...server], { ...options, cwd: data })
  while (!isReady(bin, port)) await delay(POLL_MS)
  return port
}

function isReady(bin: string, port: number): boolean {
  try {
    execFileSync(join(bin, 'pg_isready'), ['-q', '-h', HOST, '-p', `${port}`])
    return true
  } catch {
    return false
  }
}

/** Free port. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, HOST), 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
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
