import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import nodeq, { type Connection } from 'node-q'
import { pythonWith } from '../../harness/clients/python.js'
import { type Client, inTime, pause, question, type Scope } from './clients.js'
import type { Answered } from './state.js'
import { Trail } from './tally.js'

/** Library that connects to a kdb+ server. */
export interface Library {
  readonly name: string
  open(port: number): Promise<Opened>
}

interface Opened {
  /** Sends a query, and resolves to its answer. */
  ask(query: string): Promise<string>
  close(): void
}

const HOST = '127.0.0.1'
const USER = 'user'
const PASSWORD = 'password'
/** In the source folder, since a build contains no Python. */
const SCRIPT = fileURLToPath(new URL('../../../soak/readers/qpython-client.py', import.meta.url))
/** One in this many answers is followed by a pause. */
const RESTS = 50

const NODE_Q: Library = {
  name: 'node-q',
  async open(port) {
    const options = { host: HOST, port, user: USER, password: PASSWORD }
    const connection = await promisify<object, Connection>(nodeq.connect as never)(options)
    // node-q does not report a lost connection to pending queries.
    let lose = (_error: Error) => {}
    connection.on('error', (error: Error) => lose(error))
    connection.on('close', () => lose(new Error('the connection was closed')))
    return {
      ask: (query) =>
        new Promise((resolve, reject) => {
          lose = reject
          connection.k(query, (error?: Error, answer?: unknown) =>
            error ? reject(error) : resolve(String(answer)),
          )
        }),
      close: () => connection.close(() => {}),
    }
  },
}

function qPython(python: string): Library {
  return {
    name: 'qPython',
    async open(port) {
      const child = spawn(python, [SCRIPT, HOST, String(port), USER, PASSWORD], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      child.stdin.on('error', () => {})
      const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]()
      return {
        async ask(query) {
          child.stdin.write(`${query}\n`)
          const { value, done } = await lines.next()
          if (done) throw new Error('qPython has ended')
          return value
        },
        close: () => child.kill(),
      }
    },
  }
}

/** Libraries that can be used here: node-q, and qPython if there is Python. */
export function libraries(): Library[] {
  const python = pythonWith('qpython')
  return python === undefined ? [NODE_Q] : [NODE_Q, qPython(python)]
}

/** Client that uses a library, and keeps one connection to the end. */
export async function askByLibrary(
  client: Client,
  port: number,
  library: Library,
  { tally, going }: Scope,
): Promise<void> {
  const { kind, id, random } = client
  const trail = new Trail(kind, tally)
  let opened: Opened | undefined
  try {
    opened = await inTime(library.open(port), id)
    for (let nonce = 0; going(); nonce++) {
      const asked = question(client, nonce)
      const sentAt = Date.now()
      const answer = await inTime(opened.ask(JSON.stringify(asked)), `${id}.${nonce}`)
      trail.judge(asked, JSON.parse(answer) as Answered, sentAt)
      if (random.oneIn(RESTS)) await pause(random)
    }
  } catch (error) {
    tally.fail(kind, error)
  } finally {
    opened?.close()
    tally.closed.push(id)
  }
}
