import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Left, Notice, Start } from './notices.js'
import { WANTED } from './wanted.js'

/** Small limits, so that forks are fast. */
const FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=128']
const SCRIPT = fileURLToPath(new URL('./server.js', import.meta.url))
const START_MS = 20_000
const LOOK_MS = 10_000
const STEP_MS = 50
const MOST_CHARACTERS = 20_000

export interface Events {
  /** Called with an error that the server's process did not catch. */
  uncaught: (stack: string) => void
  /** Called with text that the server or one of its clones wrote to stderr. */
  said: (text: string) => void
  /** Called when the server's process has died. */
  died: (how: string, lastWords: string) => void
}

/** Server in its own process. */
export class ServerProcess {
  readonly #child: ChildProcess
  #notice: (notice: Notice) => void = () => {}
  #isEnding = false
  ports: Readonly<Record<string, number>> = {}

  private constructor(start: Start, events: Events) {
    const child = fork(SCRIPT, {
      execArgv: FLAGS,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child = child
    child.send(start)
    let lastWords = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-MOST_CHARACTERS)
      events.said(text)
    })
    child.on('message', (message) => {
      const notice = message as Notice
      if ('uncaught' in notice) events.uncaught(notice.uncaught)
      else this.#notice(notice)
    })
    child.once('exit', (status, signal) => {
      if (!this.#isEnding) events.died(signal ?? `status ${status}`, lastWords)
    })
  }

  static async start(start: Start, events: Events): Promise<ServerProcess> {
    const server = new ServerProcess(start, events)
    const notice = await server.#next(START_MS)
    if (!('ports' in notice)) throw new Error('Expected the server to send its ports first')
    server.ports = notice.ports
    return server
  }

  /** Waits a while for everything to be released, and returns what is left. */
  async left(patienceMs: number): Promise<Left> {
    const deadline = performance.now() + patienceMs
    for (;;) {
      this.#child.send('look')
      const notice = await this.#next(LOOK_MS)
      if (!('left' in notice)) throw new Error('Expected the server to report what is left')
      const { clones, children, connections, tlsConnections } = notice.left
      if (clones + children + connections + tlsConnections === 0 || performance.now() > deadline)
        return notice.left
      await new Promise((resolve) => setTimeout(resolve, STEP_MS))
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LOOK_MS)
    this.#child.disconnect()
    await ended
    clearTimeout(timer)
  }

  #next(limitMs: number): Promise<Notice> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('the server has ended'))
      const timer = setTimeout(() => reject(new Error(`the server was silent for ${limitMs} ms`)), limitMs)
      this.#child.once('exit', onExit)
      this.#notice = (notice) => {
        clearTimeout(timer)
        this.#child.off('exit', onExit)
        resolve(notice)
      }
    })
  }
}

/** Matches the line about a clone that failed during its answer, as handlers here make it fail. */
const OF_CLONE = /^qclone: .* before its client had the whole answer$/

/** First lines of messages on stderr, except errors that a script requested. */
export function unwantedIn(text: string): string[] {
  const isUnwanted = (line: string) =>
    /^\S/.test(line) && !/^[}\]]/.test(line) && !line.includes(WANTED) && !OF_CLONE.test(line)
  return text.split('\n').filter(isUnwanted)
}
