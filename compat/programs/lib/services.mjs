import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
// Copied from `harness/services.ts` to this folder.
import { freePort, HOST, startPostgres, startRedis, startService } from './harness-services.mjs'

// Servers from the system's packages. Each ends with the process group of its program.

export const folder = () => mkdtempSync(join(tmpdir(), 'compat-'))

export const redisServer = () => startRedis(folder())

export async function mosquitto() {
  const port = await freePort()
  return startService(port, '/usr/sbin/mosquitto', ['-p', `${port}`])
}

export async function natsServer() {
  const port = await freePort()
  return startService(port, '/usr/sbin/nats-server', ['-a', HOST, '-p', `${port}`])
}

/** Starts PostgreSQL. @returns options for a connection. */
export async function postgres() {
  const port = await startPostgres(folder(), 'compat')
  return { host: HOST, port, user: 'compat', password: 'compat', database: 'postgres' }
}

/** Starts MariaDB. @returns options for a connection. */
export async function mariadbServer() {
  const [port, data] = [await freePort(), folder()]
  const user = process.getuid() === 0 ? ['--user=root'] : []
  const common = ['--no-defaults', `--datadir=${data}`, ...user]
  execFileSync('mariadb-install-db', [...common, '--auth-root-authentication-method=normal'], {
    stdio: 'ignore',
  })
  const args = [...common, `--port=${port}`, '--bind-address=127.0.0.1', `--socket=${data}/s`]
  await startService(port, '/usr/sbin/mariadbd', args)
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
  return startService(port, '/usr/lib/rabbitmq/bin/rabbitmq-server', [], { env })
}

/** Chromium under the names of Debian and Ubuntu. */
export const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)
