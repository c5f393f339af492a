import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOST, startPostgres, startRedis } from '../harness/services.js'

const USER = 'conformance'

const running = new Set<ChildProcess>()

/**
Starts Redis and PostgreSQL, which end with this process. Programs find them through the environment: `REDIS_URL`, and
the variables that `libpq`, and so `pg`, read.
*/
export async function startServers(): Promise<void> {
  const folders = ['redis', 'postgres'].map((name) => mkdtempSync(join(tmpdir(), `qclone-${name}-`)))
  process.on('exit', () => {
    for (const server of running) if (server.pid) process.kill(-server.pid, 'SIGKILL')
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
  const [forRedis = '', forPostgres = ''] = folders
  const [redis, postgres] = await Promise.all([
    startRedis(forRedis, { own }),
    startPostgres(forPostgres, USER, { own }),
  ])
  Object.assign(process.env, {
    REDIS_URL: `redis://${HOST}:${redis}`,
    PGHOST: HOST,
    PGPORT: String(postgres),
    PGUSER: USER,
    PGDATABASE: 'postgres',
  })
}

function own(server: ChildProcess): void {
  running.add(server)
  server.once('exit', () => running.delete(server))
}
