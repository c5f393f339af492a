import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import {
  check,
  configure,
  handlers,
  isClone,
  QcloneError,
  run,
  type ThreadInTheWay,
  type WaitStatus,
} from 'node-qclone'
import type { Use } from './catalog.js'
import { messageOf } from './words.js'

// Tries one package in its own process: `trial.js PROGRAM FORKS [VOUCHED,...]`.

/** Progress of a trial, written to a separate descriptor: one line of JSON per step, and one at the end. */
export interface Told {
  step?: string
  /** Threads that prevented the fork, if it was refused. */
  refused?: readonly ThreadInTheWay[]
  /** Path of a server that is not installed. */
  missing?: string
  /** Place and description of any other failure. */
  failed?: string
  /** Set on success. */
  uses?: number
  /** Whether a process that has only imported the package can be cloned. */
  importedOk?: boolean
}

const TOLD_FD = 3
/** Rows of the table that each clone reads for its answer. */
const ROWS = 10_000
const CLONE_LIMIT_MS = 20_000
/** Threads that stay busy longer are reported as such. */
const RUN_WAIT_MS = 15_000

const [, , path = '', forks = '', vouched] = process.argv
let step = ''
enter('import')
const told: Told = {}
try {
  configure({ forkTimeout: RUN_WAIT_MS })
  if (vouched) configure({ vouchFor: vouched.split(',') })
  told.uses = await tryProgram((await import(pathToFileURL(path).href)) as Use, Number(forks))
} catch (error) {
  if (error instanceof QcloneError && error.code === 'ERR_QCLONE_THREADS') {
    told.refused = error.threads
  } else if (isMissing(error)) {
    told.missing = error.path
  } else {
    told.failed = `${step}: ${messageOf(error)}`
    process.stderr.write(`${inspect(error)}\n`)
  }
}
// A clone must not report in its parent's place.
if (isClone()) process.abort()
tell(told)
process.exit()

/** Whether the file to execute does not exist. */
function isMissing(error: unknown): error is NodeJS.ErrnoException & { path: string } {
  const { code, syscall, path } = error as NodeJS.ErrnoException
  return code === 'ENOENT' && /^spawn/.test(syscall ?? '') && path !== undefined
}

function tell(told: Told): void {
  writeSync(TOLD_FD, `${JSON.stringify(told)}\n`)
}

function enter(next: string): void {
  step = next
  tell({ step })
}

/** @returns how often the parent used the package while clones were made. */
async function tryProgram({ use, remedy, inClone, after }: Use, forks: number): Promise<number> {
  told.importedOk = check().ok
  if (remedy) {
    handlers.inClone.shim((prev, kind) => {
      remedy()
      prev(kind)
    })
  }
  enter('first use')
  await use?.()
  await use?.()
  const usage = use && useAllTheTime(use)
  const values: unknown[] = []
  const endings = watchEndings()
  const table = new Map(Array.from({ length: ROWS }, (_, row) => [`row ${row}`, row]))
  for (let fork = 0; fork < forks; fork++) {
    enter(`clone ${fork + 1}`)
    table.set('fork', fork)
    // At the default priority it would wait for its parent, which is always busy.
    const answered = run.with({ timeout: CLONE_LIMIT_MS, priority: 0 })(async () => {
      const value = await inClone?.()
      return { value, sum: sumOf(table), pid: process.pid }
    })
    const answer = await (usage ? Promise.race([answered, usage.broken]) : answered)
    assert.equal(answer.sum, (ROWS * (ROWS - 1)) / 2 + fork)
    assert.notEqual(answer.pid, process.pid)
    const { status, signal } = await endings.next()
    assert.deepEqual({ status, signal }, { status: 0, signal: undefined }, 'a clone did not end in order')
    values.push(answer.value)
    // The next clone is made at another point of the package's work.
    enter(`use beside clone ${fork + 1}`)
    await usage?.oneMore()
  }
  enter('last use')
  const uses = (await usage?.stop()) ?? 0
  await use?.()
  enter('after all')
  await after?.(values)
  return uses
}

function sumOf(table: Map<string, number>): number {
  let sum = 0
  for (const value of table.values()) sum += value
  return sum
}

/** Repeats `use` with a turn in between, so that clones are made in the middle of it. */
function useAllTheTime(use: () => unknown) {
  let going = true
  let uses = 0
  const used = (async () => {
    while (going) {
      await use()
      uses++
      await nextTurn()
    }
  })()
  // Rejects if a use fails. Never resolves.
  const broken = new Promise<never>((_, reject) => used.catch(reject))
  broken.catch(() => {})
  return {
    broken,
    async oneMore() {
      for (const before = uses; uses === before; ) await Promise.race([nextTurn(), broken])
    },
    async stop() {
      going = false
      await used
      return uses
    },
  }
}

/** Wait statuses of this process's clones, in order. */
function watchEndings() {
  const ended: WaitStatus[] = []
  let wake = () => {}
  handlers.oldClone.shim((prev, status, kind) => {
    ended.push(status)
    wake()
    prev(status, kind)
  })
  return {
    async next(): Promise<WaitStatus> {
      for (;;) {
        const first = ended.shift()
        if (first) return first
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}
