import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

// Servers that the system's packages bring. Each dies with the group of processes that its program runs in.

export const folder = () => mkdtempSync(join(tmpdir(), 'compat-'))

async function freePort() {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  await once(server.close(), 'close')
  return port
}

async function start(command, args, port, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore'], ...options })
  let ended
  child.once('error', (error) => (ended = error))
  child.once(
    'exit',
    (code, signal) => (ended = new Error(`${command} ended by ${signal ?? `status ${code}`}`)),
  )
  child.unref()
  while (!(await answers(port))) {
    if (ended) throw ended
    await delay(20)
  }
  return port
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const tell = (value) => {
      socket.destroy()
      resolve(value)
    }
    socket.once('connect', () => tell(true)).once('error', () => tell(false))
  })
}

export async function redisServer() {
  const port = await freePort()
  return start('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', folder()], port)
}

export async function mosquitto() {
  const port = await freePort()
  return start('/usr/sbin/mosquitto', ['-p', port], port)
}

export async function natsServer() {
  const port = await freePort()
  return start('/usr/sbin/nats-server', ['-a', '127.0.0.1', '-p', port], port)
}

/** PostgreSQL and MariaDB refuse to run as root, and run as the users that their packages make. */
const asUser = (user, command, args) =>
  process.getuid() === 0 ? ['runuser', ['-u', user, '--', command, ...args]] : [command, args]

function owned(user) {
  const path = folder()
  if (process.getuid() === 0) execFileSync('chown', [user, path])
  return path
}

/** @returns options of a connection. */
export async function postgres() {
  const bin = execFileSync('sh', ['-c', 'ls -d /usr/lib/postgresql/*/bin | tail -1'], {
    encoding: 'utf8',
  }).trim()
  const [port, data] = [await freePort(), owned('postgres')]
  execFileSync(...asUser('postgres', `${bin}/initdb`, ['-D', data, '-U', 'compat', '-A', 'trust', '-N']), {
    stdio: 'ignore',
    cwd: data,
  })
  const args = ['-D', data, '-p', port, '-h', '127.0.0.1', '-k', data]
  await start(...asUser('postgres', `${bin}/postgres`, args), port, { cwd: data })
  const options = { host: '127.0.0.1', port, user: 'compat', password: 'compat', database: 'postgres' }
  while (!ready(bin, port)) await delay(20)
  return options
}

function ready(bin, port) {
  try {
    execFileSync(`${bin}/pg_isready`, ['-q', '-h', '127.0.0.1', '-p', port])
    return true
  } catch {
    return false
  }
}

/** @returns options of a connection. */
export async function mariadbServer() {
  const [port, data] = [await freePort(), folder()]
  const user = process.getuid() === 0 ? ['--user=root'] : []
  const common = ['--no-defaults', `--datadir=${data}`, ...user]
  execFileSync('mariadb-install-db', [...common, '--auth-root-authentication-method=normal'], {
    stdio: 'ignore',
  })
  const args = [...common, `--port=${port}`, '--bind-address=127.0.0.1', `--socket=${data}/s`]
  await start('/usr/sbin/mariadbd', args, port)
  return { host: '127.0.0.1', port, user: 'root', database: 'mysql' }
}

export async function rabbitmq() {
  const [port, distribution, home] = [await freePort(), await freePort(), folder()]
  const env = {
    ...process.env,
    HOME: home,
    RABBITMQ_NODENAME: `compat${process.pid}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_MNESIA_BASE: home,
    RABBITMQ_LOG_BASE: home,
    RABBITMQ_PID_FILE: join(home, 'pid'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'plugins'),
  }
  return start('/usr/lib/rabbitmq/bin/rabbitmq-server', [], port, { env })
}

/** Chromium, as Debian and Ubuntu call it. */
export const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)
