import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { handlers, isClone, QcloneError, run, type WaitStatus } from 'node-qclone'
import { makeBusy } from './busy.js'
import { type Ending, PROGRAMS_WITH_PACKAGES } from './catalog.js'

// The parent of one clone, which runs one program: `launch.js PROGRAM quiet|busy FOLDER`.

/** Report of a launcher, on a descriptor that its clone does not have. */
export interface Told {
  /** Pid of the clone, once it exists. */
  clone?: number
  ending?: Ending
  uncaught?: string
  trouble?: string
}

const TOLD_FD = 3
const [, , program = '', way, folder = ''] = process.argv
const tell = (told: Told) => writeSync(TOLD_FD, `${JSON.stringify(told)}\n`)

const reaped = new Promise<WaitStatus>((resolve) => {
  handlers.oldClone.shim((prev, status, kind) => {
    resolve(status)
    prev(status, kind)
  })
})
handlers.newClone.shim((prev, clone, kind) => {
  // Excludes clones that the program itself makes.
  if (!isClone()) tell({ clone: clone.pid })
  prev(clone, kind)
})

try {
  const parent = way === 'busy' ? await makeBusy(folder) : undefined
  if (way === 'busy' && program.startsWith(PROGRAMS_WITH_PACKAGES)) await runBefore(program)
  const thrown = await run(runHere, program).catch((error) => ({ error }))
  if (thrown.error instanceof QcloneError && thrown.error.code !== 'ERR_QCLONE_DIED') throw thrown.error
  // `run` sends an uncaught error to the parent instead of stderr.
  if (!(thrown.error instanceof QcloneError)) tell({ uncaught: headline(thrown.error) })
  const { status, signal } = await reaped
  tell({ ending: { code: status ?? null, signal: signal ?? null } })
  await parent?.check()
} catch (error) {
  tell({ trouble: inspect(error) })
}
process.exit()

/**
Runs the program silently in the parent, before its clone does. The state that its packages keep from that run (pools,
caches, counters, hooks) must make no difference in the clone.
*/
async function runBefore(path: string): Promise<void> {
  const { log } = console
  console.log = () => {}
  handlers.inClone.shim((prev, kind) => {
    console.log = log
    prev(kind)
  })
  await import(`${pathToFileURL(path).href}?before`)
}

/**
Runs the program in the clone as Node runs its main module, and never answers.

So the program decides how the clone ends. If the event loop of a clone becomes empty, `run` ends the clone with status
13, as Node does for a main module that never settles; once the module has been evaluated, the status must be 0, as in
Node. An error during evaluation must be an uncaught error, not an answer, because a program may have a listener for
uncaught errors. (Node passes the origin 'unhandledRejection' to that listener only for the main module, which cannot be
reproduced here.)
*/
function runHere(path: string): Promise<{ error: unknown }> {
  process.argv = [process.execPath, path]
  const evaluated = () => {
    process.on('beforeExit', () => {
      process.exitCode ??= 0
    })
  }
  process.nextTick(() => {
    if (path.endsWith('.cjs')) {
      try {
        createRequire(import.meta.url)(path)
      } finally {
        evaluated()
      }
    } else {
      import(pathToFileURL(path).href).finally(evaluated).catch((error) => {
        process.nextTick(() => {
          throw error
        })
      })
    }
  })
  return new Promise(() => {})
}

/** Returns the first line that Node prints for an uncaught error. */
function headline(thrown: unknown): string {
  const shown = thrown instanceof Error ? (thrown.stack ?? String(thrown)) : toldOf(thrown)
  return shown.split('\n', 1)[0] ?? ''
}

function toldOf(thrown: unknown): string {
  return typeof thrown === 'object' ? inspect(thrown) : String(thrown)
}
