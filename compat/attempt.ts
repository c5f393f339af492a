import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { execPath } from 'node:process'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { ThreadInTheWay } from 'node-qclone'
import { killGroup, killProcess } from '../harness/group.js'
import { processesWith } from '../harness/proc.js'
import type { Program } from './catalog.js'
import type { Told } from './trial.js'
import { inOneLine } from './words.js'

/** Result of trying a package. */
export interface Outcome {
  readonly word: 'works' | 'imported only' | 'must be vouched for' | 'refuses' | 'fails' | 'not tried'
  /** Names to vouch for, reason for a refusal or failure, or the missing server. */
  readonly reason?: string
  /** Output of a failed program. */
  readonly output?: string
}

const TRIAL = fileURLToPath(new URL('./trial.js', import.meta.url))

export interface Bounds {
  readonly forks: number
  readonly deadlineMs: number
}

/** Tries `program` at `path` as is, then again, vouching for the threads that prevented clones. */
export async function attempt(program: Program, path: string, bounds: Bounds): Promise<Outcome> {
  const plain = await runTrial(path, bounds, [])
  const { told } = plain
  if (told.missing !== undefined) return { word: 'not tried', reason: `${told.missing} is missing` }
  if (!told.refused) {
    if (told.failed !== undefined) return { word: 'fails', reason: told.failed, output: plain.output }
    return { word: program.parent ? 'works' : 'imported only' }
  }
  const lasting = told.refused.filter(({ busy }) => !busy)
  const threads = [...new Set((lasting.length > 0 ? lasting : told.refused).map(inWords))].join('; ')
  const reason = told.importedOk ? `once used: ${threads}` : threads
  const names = [...new Set(told.refused.filter(isForeign).map(vouchedName))]
  // Node's own threads, such as those of Workers, cannot be vouched for.
  if (names.length === 0) return { word: 'refuses', reason }
  const vouched = await runTrial(path, bounds, names)
  if (vouched.told.uses === undefined) return { word: 'refuses', reason, output: vouched.output }
  return { word: 'must be vouched for', reason: names.map((name) => `\`'${name}'\``).join(', ') }
}

const isForeign = ({ module }: ThreadInTheWay) => module !== undefined && module !== realpathSync(execPath)

function inWords(thread: ThreadInTheWay): string {
  return isForeign(thread) ? `a thread of \`${basename(thread.module ?? '')}\`` : thread.what
}

/** First part of a file's name, as `vouchFor` takes it. */
function vouchedName({ module = '' }: ThreadInTheWay): string {
  return basename(module).split(/[._-]/, 1)[0] ?? ''
}

/** Runs a program in a separate process, and terminates everything it started. */
async function runTrial(path: string, bounds: Bounds, vouched: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'qclone-compat-'))
  // PostgreSQL runs as another user, and needs access to this folder.
  chmodSync(folder, 0o755)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const args = [TRIAL, path, String(bounds.forks), ...(vouched.length > 0 ? [vouched.join()] : [])]
  const child = spawn(execPath, args, {
    // A separate process group, so that all its processes can be killed.
    detached: true,
    cwd: folder,
    env: { ...process.env, TMPDIR: folder, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const kill = () => {
    killGroup(child.pid ?? 0)
    // A server with its own process group.
    for (const pid of processesWith('TMPDIR', folder)) killProcess(pid)
  }
  process.on('exit', kill)
  let late = false
  const timer = setTimeout(() => {
    late = true
    kill()
  }, bounds.deadlineMs)
  try {
    const [stdout, stderr, report] = [child.stdout, child.stderr, child.stdio[3] as Readable].map((stream) =>
      text(stream as Readable),
    )
    const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]
    kill()
    const output = `${await stdout}${await stderr}`
    const told = lastWords((await report) ?? '')
    if (!told.refused && !told.missing && told.uses === undefined) {
      const end = late ? `no end after ${bounds.deadlineMs / 1000} s` : endInWords(status, signal, output)
      told.failed ??= `${told.step}: ${end}`
    }
    return { told, output }
  } finally {
    clearTimeout(timer)
    process.off('exit', kill)
    remove()
  }
}

/** Merges the report's lines; later values replace earlier ones. */
function lastWords(report: string): Told {
  return Object.assign({}, ...report.split('\n').map((line) => JSON.parse(line || '{}')))
}

function endInWords(status: number | null, signal: string | null, output: string): string {
  const error = /^.*\b\w*Error\b.*$/m.exec(output)?.[0] ?? output.trim().split('\n').at(-1) ?? ''
  return inOneLine(`ended by ${signal ?? `status ${status}`}: ${error}`)
}
