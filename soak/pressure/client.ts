import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { type Mode, monotonicMs, type Told } from './server.js'

/** Counts of one phase, of all clients of one server. */
export class Phase {
  byReaders = 0
  byParent = 0
  failed = 0
  readonly failures = new Set<string>()
  /** Age of the oldest data received, in milliseconds. */
  oldestMs = 0

  note({ reader, at }: Told): void {
    if (reader) this.byReaders++
    else this.byParent++
    this.oldestMs = Math.max(this.oldestMs, monotonicMs() - at)
  }

  noteFailure(error: Error): void {
    this.failed++
    this.failures.add(error.message)
  }
}

/** Counts for the current phase, by the way clients are served. */
export type Phases = Record<Mode, Phase>

export interface Course {
  readonly pauseMs: number
  going(): boolean
  now(): Phases
}

/** Sends requests on one persistent connection. */
export async function askOften(port: number, mode: Mode, course: Course): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  await askAll(agent, port, mode, course)
  agent.destroy()
}

/** Sends each request on a new connection. */
export async function askOnce(port: number, mode: Mode, course: Course): Promise<void> {
  await askAll(new Agent({ keepAlive: false }), port, mode, course)
}

async function askAll(
  agent: Agent,
  port: number,
  mode: Mode,
  { pauseMs, going, now }: Course,
): Promise<void> {
  while (going()) {
    const phase = now()[mode]
    try {
      phase.note(await ask(agent, port))
    } catch (error) {
      phase.noteFailure(error as Error)
    }
    await delay(pauseMs)
  }
}

async function ask(agent: Agent, port: number): Promise<Told> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ agent, port, host: '127.0.0.1' }, resolve).on('error', reject).end()
  })
  const body = await text(response)
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}: ${body}`)
  return JSON.parse(body) as Told
}
