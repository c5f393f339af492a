import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Started, Tally } from '../apps/main.js'
import type { Target } from './target.js'

export interface ServerOptions {
  /** Whether clones answer requests. */
  readonly clone: boolean
  /** Whether the app answers wrongly, if it can. */
  readonly wrong: boolean
}

/** App in its own process. */
export interface RunningServer extends Target {
  readonly started: Started
  tally(): Promise<Tally>
  /** Ends it. @returns how it ended, and the stderr output of it and its clones. */
  end(): Promise<{ ending: string; stderr: string }>
}

const MAIN = fileURLToPath(new URL('../apps/main.js', import.meta.url))
const END_LIMIT_MS = 10_000

/** Starts app `name`. */
export async function startServer(name: string, options: ServerOptions): Promise<RunningServer> {
  const flags = [...(options.clone ? ['--clone'] : []), ...(options.wrong ? ['--wrong'] : [])]
  const { NODE_OPTIONS: _, NODE_ENV: __, ...env } = process.env
  const child = spawn(process.execPath, [MAIN, name, ...flags], { stdio: ['pipe', 'pipe', 'pipe'], env })
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  const ended = once(child, 'close').finally(() => process.off('exit', kill)) as Promise<[number, string]>
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  // The app may have ended.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => {
    const { value } = await lines.next()
    if (value === undefined) throw new Error(`${name} has ended: ${await inWords(ended)}\n${stderr}`)
    return JSON.parse(value)
  }
  const started = (await line()) as Started
  return {
    scheme: name === 'https' ? 'https' : 'http',
    port: started.port,
    started,
    async tally() {
      child.stdin.write('\n')
      return (await line()) as Tally
    },
    async end() {
      child.stdin.end()
      const timer = setTimeout(kill, END_LIMIT_MS)
      const ending = await inWords(ended)
      clearTimeout(timer)
      return { ending, stderr }
    },
  }
}

async function inWords(ended: Promise<[number, string]>): Promise<string> {
  const [code, signal] = await ended
  return signal ?? `status ${code}`
}
