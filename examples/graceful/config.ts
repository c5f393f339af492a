import { ExampleError } from '../lib/errors.js'

export interface Config {
  host: string
  port: number
  /** Trades to keep in memory. */
  rows: number
  maxClones: number
  /** Additional clones that wait for slow clients. */
  maxStalledClones: number
  maxQueue: number
  /** Memory reserved per clone, in bytes. */
  memory: number
  /** Maximum time for a clone's answer, in milliseconds. */
  answerMs: number
  /** Time between the signal and the end of accepting connections, in milliseconds. */
  drainMs: number
  /** Maximum time for the remaining requests after that, in milliseconds. */
  stopMs: number
}

const MAX_PORT = 65_535
const MAX_TIMER_MS = 2 ** 31 - 1
const MAX_COUNT = 1e9

/** Reads the configuration. Throws an `ExampleError` that names the variable to correct. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  return {
    host: env.HOST || '127.0.0.1',
    port: read(env, 'PORT', { fallback: 8080, min: 0, max: MAX_PORT }),
    rows: read(env, 'ROWS', { fallback: 200_000, min: 1, max: MAX_COUNT }),
    maxClones: read(env, 'MAX_CLONES', { fallback: 8, min: 1, max: MAX_COUNT }),
    maxStalledClones: read(env, 'MAX_STALLED_CLONES', { fallback: 4, min: 0, max: MAX_COUNT }),
    maxQueue: read(env, 'MAX_QUEUE', { fallback: 100, min: 0, max: MAX_COUNT }),
    memory: read(env, 'CLONE_MB', { fallback: 64, min: 0, max: MAX_COUNT }) * 2 ** 20,
    answerMs: read(env, 'ANSWER_MS', { fallback: 30_000, min: 1, max: MAX_TIMER_MS }),
    drainMs: read(env, 'DRAIN_MS', { fallback: 5000, min: 0, max: MAX_TIMER_MS }),
    stopMs: read(env, 'STOP_MS', { fallback: 20_000, min: 0, max: MAX_TIMER_MS }),
  }
}

interface Rule {
  fallback: number
  min: number
  max: number
}

function read(env: NodeJS.ProcessEnv, name: string, { fallback, min, max }: Rule): number {
  const text = env[name]?.trim()
  if (!text) return fallback
  const value = Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new ExampleError(
    'ERR_EXAMPLE_USAGE',
    `Expected ${name} to be a whole number from ${min} to ${max}, got \`${text}\``,
  )
}
