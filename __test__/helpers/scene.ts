import { writeSync } from 'node:fs'
import { check, clones, QcloneError } from 'node-qclone'
import { until } from '../../harness/processes.js'

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

/**
 * Waits until no thread is in the way for the moment only, and resolves to what `check` said then: a second look could
 * find V8's workers at work again.
 */
export async function checkAtRest(): Promise<ReturnType<typeof check>> {
  let report = check()
  await until('all threads are at rest', () => {
    report = check()
    return report.ok || !report.transient
  })
  return report
}

/** Work that takes a while, so that clones live beside each other. */
export function shortly(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}

export function reaped(): Promise<void> {
  return until('all are reaped', () => clones().length === 0)
}

/** The code of the error that `act` throws or rejects with. */
export async function codeOf(act: () => unknown): Promise<string | undefined> {
  return (await failureOf(act)).code
}
