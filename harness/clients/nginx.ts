import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CERTIFICATE } from '../apps/content.js'
import { findCommand } from './command.js'
import { HOST, type Target } from './target.js'

/**
Ways in which nginx forwards requests: on new connections, on persistent ones, or on persistent ones unbuffered.
*/
export const WAYS = ['default', 'kept', 'unbuffered'] as const
export type Way = (typeof WAYS)[number]

export interface Nginx {
  /** Target for each way. */
  readonly targets: Record<Way, Target>
  /** Errors in its log. */
  errors(): string
  end(): Promise<void>
}

/** Runs a command until stdin ends, even if the process at its other end is killed. */
const WITH_PARENT = '"$0" "$@" & read -r _; kill $!; wait'
const START_LIMIT_MS = 10_000
const START_STEP_MS = 10
/** Shorter than any server's timeout, so that no connection closes while a request is being sent. */
const KEEP_ALIVE_S = 3
/** Default paths of nginx's temporary files, all redirected. */
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

/** Starts nginx in front of a server, with all its files in `folder`. */
export async function startNginx(server: Target, folder: string): Promise<Nginx> {
  const command = findCommand('nginx')
  if (command === undefined) throw new Error('nginx is missing: run scripts/install-clients.sh')
  const files = { config: join(folder, 'nginx.conf'), log: join(folder, 'error.log') }
  const sockets = WAYS.map((_, i) => join(folder, `way-${i}`))
  for (const name of TEMPORARY) mkdirSync(join(folder, name))
  writeFileSync(files.config, configure(server, folder, sockets))
  const args = ['-c', WITH_PARENT, command, '-p', folder, '-c', files.config, '-e', files.log]
  const child = spawn('sh', args, { stdio: ['pipe', 'ignore', 'ignore'] })
  // nginx may have ended.
  child.stdin.on('error', () => {})
  const ended = once(child, 'close')
  const end = async () => {
    child.stdin.end()
    await ended
  }
  const errors = () => readFileSync(files.log, 'utf8')
  if (!(await isThere(sockets.at(-1) ?? ''))) {
    await end()
    throw new Error(`nginx did not start: ${errors()}`)
  }
  const targets = WAYS.map((way, i) => [way, { scheme: 'http', port: 80, socketPath: sockets[i] }])
  return {
    targets: Object.fromEntries(targets),
    errors: () => errors().split('\n').filter(Boolean).map(timeless).join('\n'),
    end,
  }
}

/** Runs a single process as the caller's user, so that ending its pid is enough. */
function configure({ scheme, port }: Target, folder: string, sockets: readonly string[]): string {
  const host = 'proxy_set_header Host localhost;'
  const kept = [host, 'proxy_http_version 1.1;', 'proxy_set_header Connection "";']
  const unbuffered = ['proxy_buffering off;', 'proxy_request_buffering off;']
  const directives = [[host], kept, [...kept, ...unbuffered]]
  const upstreams = ['app', 'kept', 'kept']
  const servers = sockets.map(
    (socket, i) => `
  server {
    listen unix:${socket};
    location / {
      proxy_pass ${scheme}://${upstreams[i]};
      ${directives[i]?.join(' ')}
    }
  }`,
  )
  return `
daemon off;
master_process off;
pid ${join(folder, 'pid')};
events { worker_connections 256; }
http {
  access_log off;
  client_max_body_size 0;
  # autocannon ignores that nginx closes a connection after this many requests.
  keepalive_requests 1000000;
  ${TEMPORARY.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n  ')}
  # Failures of the server must be visible.
  proxy_next_upstream off;
  proxy_ssl_trusted_certificate ${fileURLToPath(CERTIFICATE)};
  proxy_ssl_verify on;
  proxy_ssl_name localhost;
  upstream app { server ${HOST}:${port}; }
  upstream kept { server ${HOST}:${port}; keepalive 8; keepalive_timeout ${KEEP_ALIVE_S}s; }${servers.join('')}
}
`
}

/** Waits until it accepts connections. */
async function isThere(socketPath: string): Promise<boolean> {
  const deadline = performance.now() + START_LIMIT_MS
  while (performance.now() < deadline) {
    const socket = connect(socketPath)
    try {
      await once(socket, 'connect')
      return true
    } catch {
      await delay(START_STEP_MS)
    } finally {
      socket.destroy()
    }
  }
  return false
}

/** Log line without the parts that differ each time. */
function timeless(line: string): string {
  return line
    .replace(/^\S+ \S+ (\[\w+\]) \d+#\d+: (\*\d+ )?/, '$1 ')
    .replace(/127\.0\.0\.1:\d+/g, 'SERVER')
    .replace(/unix:\S+?(?=[,:]|$)/g, 'CLIENT')
}
