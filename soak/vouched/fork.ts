import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { check, configure, run } from 'node-qclone'
import { percentile, rounded } from '../../harness/stats.js'
import { ADDONS, type Addon, userOf } from './addons.js'

/** Results of forking while an addon has threads. */
export interface Found {
  forks: number
  /** Threads of the addon that would have prevented the fork. */
  threads: number
  /** Uses of the addon, between forks and during pending ones. */
  uses: number
  /** Descriptions of hangs, deaths, wrong answers and refusals. */
  failures: string[]
  medianMs: number
  p99Ms: number
}

/** A clone that has not answered by then hangs. */
const TIMEOUT_MS = 20_000
/** The addon is used during one in this many forks. */
const USED_BESIDE = 8
/** More would not be read. */
const MOST_FAILURES = 10

/** Data that clones read. The parent changes it before each fork. */
const table = new Map<number, { id: number; text: string }>()

/** Forks while the threads of a used addon exist. */
export async function forkBeside(name: Addon, forks: number): Promise<Found> {
  const use = await userOf(name)
  const expected = await use()
  const { threads } = check() as { threads?: readonly unknown[] }
  configure({ vouchFor: [ADDONS[name].file] })
  const failures: string[] = []
  const fail = (what: string) => failures.length < MOST_FAILURES && failures.push(what)
  const ms: number[] = []
  let uses = 1
  const useOnce = async () => {
    uses++
    const told = await use()
    if (told !== expected) fail(`use in the parent gave ${told}, not ${expected}`)
  }
  for (let index = 0; index < forks; index++) {
    table.set(index % 1000, { id: index, text: `row ${index}` })
    const beside = index % USED_BESIDE === 0 ? useOnce() : undefined
    const begun = performance.now()
    try {
      const told = await run.with({ timeout: TIMEOUT_MS })(work, index)
      const wanted = await workHere(index)
      if (told !== wanted) fail(`fork ${index}: ${told}, not ${wanted}`)
    } catch (error) {
      fail(`fork ${index}: ${(error as Error).message}`)
    }
    ms.push(performance.now() - begun)
    await beside
  }
  return {
    forks,
    threads: threads?.length ?? 0,
    uses,
    failures,
    medianMs: rounded(percentile(ms, 0.5)),
    p99Ms: rounded(percentile(ms, 0.99)),
  }
}

/** Runs in a clone: ordinary work with libuv's pool and a garbage collection, without the addon. */
async function work(index: number): Promise<string> {
  global.gc?.()
  await setTimeout(1)
  return workHere(index)
}

async function workHere(index: number): Promise<string> {
  let sum = 0
  for (const { id, text } of table.values()) sum += id + text.length
  const text = await readFile(new URL(import.meta.url), 'utf8')
  const packed = await promisify(gzip)(text)
  const unpacked = await promisify(gunzip)(packed)
  return `${index}: ${sum}, ${unpacked.toString() === text}`
}
