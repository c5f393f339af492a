import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { CERTIFICATE } from '../apps/content.js'
import { originOf, type Target } from './target.js'

/** One of the transfers of a curl call. */
export interface Transfer {
  readonly path: string
  readonly args?: readonly string[]
}

/** Result of a transfer. */
export interface Transferred {
  /** Exit status of curl; 0 is success. */
  readonly exit: number
  readonly status: number
  readonly version: string
  /** Connections opened for it. */
  readonly connects: number
  /** Heads of the interim replies and of the final one. */
  readonly heads: string[]
  readonly body: Buffer
}

interface Told {
  exitcode: number
  response_code: number
  http_version: string
  num_connects: number
}

const HEAD_END = '\r\n\r\n'
/** Limit in case the caller is killed. */
const LIMIT_S = '120'

/** Calls curl once for a sequence of transfers. Writes to `folder`, which nothing else may use. */
export async function curl(
  target: Target,
  transfers: readonly Transfer[],
  folder: string,
  signal: AbortSignal,
): Promise<Transferred[]> {
  const files = transfers.map((_, i) => join(folder, `transfer-${i}`))
  const args = transfers.flatMap((transfer, i) => [
    ...(i === 0 ? [] : ['--next']),
    ...[
      '--silent',
      '--include',
      '--max-time',
      LIMIT_S,
      '--output',
      files[i] ?? '',
      '--write-out',
      '%{json}\\n',
    ],
    ...(target.scheme === 'https' ? ['--cacert', fileURLToPath(CERTIFICATE)] : []),
    ...(target.socketPath === undefined ? [] : ['--unix-socket', target.socketPath]),
    ...(transfer.args ?? []),
    `${originOf(target)}${transfer.path}`,
  ])
  // Ignores the user's curl configuration and proxies.
  const child = spawn('curl', ['--disable', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    signal,
    killSignal: 'SIGKILL',
  })
  const [stdout] = await Promise.all([text(child.stdout), once(child, 'close')])
  const lines = stdout.split('\n').filter(Boolean)
  return lines.map((line, i) => read(JSON.parse(line) as Told, files[i] ?? ''))
}

function read({ exitcode, response_code, http_version, num_connects }: Told, file: string): Transferred {
  const told = { exit: exitcode, status: response_code, version: http_version, connects: num_connects }
  const heads: string[] = []
  let rest = readIfThere(file)
  for (let end = rest.indexOf(HEAD_END); end !== -1 && !isLast(heads); end = rest.indexOf(HEAD_END)) {
    heads.push(rest.toString('latin1', 0, end))
    rest = rest.subarray(end + HEAD_END.length)
  }
  return { ...told, heads, body: rest }
}

/** Whether the last head is not an interim one. */
function isLast(heads: string[]): boolean {
  return heads.length > 0 && !/^HTTP\/1\.1 1/.test(heads.at(-1) ?? '')
}

/** Without an answer there is no file. */
function readIfThere(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    return Buffer.alloc(0)
  }
}
