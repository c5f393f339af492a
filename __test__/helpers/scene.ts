import { writeSync } from 'node:fs'
import { check, QcloneError } from 'node-qclone'
import { until } from './processes.js'

/**
Tells the test something, once. The same key from two processes, as when a clone returns into its parent's
frames, fails the test.
*/
export function tell(key: string, value: unknown = true): void {
  writeSync(1, `${JSON.stringify({ key, value })}\n`)
}

/** The last key of a scene. */
export const PLAYED = 'played to the end'

type Scene = (...args: string[]) => unknown

/** Plays the scene that the command line names. The process then ends by itself. */
export async function play(scenes: Record<string, Scene>): Promise<void> {
  // Not an import of `argv`: to import anything of node:process opens all three standard streams.
  const [name = '', ...args] = process.argv.slice(2)
  const scene = scenes[name]
  if (!scene) throw new Error(`there is no scene ${name}`)
  await scene(...args)
  tell(PLAYED)
}

/** An error, as it can be told. */
export interface Described {
  name: string
  message: string
  code?: string
  errno?: string
  status?: unknown
  threads?: unknown
}

export function describe(error: unknown): Described {
  if (!(error instanceof Error)) return { name: 'not an error', message: String(error) }
  const { name, message } = error
  if (!(error instanceof QcloneError)) return { name, message }
  const { code, errno, status, threads } = error
  return { name, message, code, ...(errno && { errno }), ...(status && { status }), threads }
}

/** The error that `act` throws or rejects with. */
export async function failureOf(act: () => unknown): Promise<Described> {
  let value: unknown
  try {
    value = await act()
  } catch (error) {
    return describe(error)
  }
  return { name: 'no error', message: String(value) }
}

/** Waits until no thread is in the way for the moment only: one at work is not always known for what it is. */
export async function untilAtRest(): Promise<void> {
  await until('all threads are at rest', () => {
    const report = check()
    return report.ok || !report.transient
  })
}
