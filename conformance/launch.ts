import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { handlers, isClone, QcloneError, run, type WaitStatus } from 'node-qclone'
import { makeBusy } from './busy.js'
import { type Ending, PROGRAMS_WITH_PACKAGES } from './catalog.js'

// The parent of one clone, which runs one program: `launch.js PROGRAM quiet|busy FOLDER`.

/** What a launcher tells, on a descriptor that its clone does not have. */
export interface Told {
  /** The clone's pid, once there is one. */
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
  // Not of clones that the program makes in its turn.
  if (!isClone()) tell({ clone: clone.pid })
  prev(clone, kind)
})

try {
  const parent = way === 'busy' ? await makeBusy(folder) : undefined
  if (way === 'busy' && program.startsWith(PROGRAMS_WITH_PACKAGES)) await runBefore(program)
  const thrown = await run(runHere, program).catch((error) => ({ error }))
  if (thrown.error instanceof QcloneError && thrown.error.code !== 'ERR_QCLONE_DIED') throw thrown.error
  // `run` takes an uncaught error to the parent in place of stderr.
  if (!(thrown.error instanceof QcloneError)) tell({ uncaught: headline(thrown.error) })
  const { status, signal } = await reaped
  tell({ ending: { code: status ?? null, signal: signal ?? null } })
  await parent?.check()
} catch (error) {
  tell({ trouble: inspect(error) })
}
process.exit()

/**
Runs the program in the parent, silent, before its clone does: what its packages keep of that (pools, caches, counters,
hooks) must make no difference in the clone.
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
In the clone: runs the program as node runs its main module, and never answers.

So the program decides how the clone ends. `run` ends one whose event loop is empty with status 13, as node ends
a main module that waits in vain; once the module has been evaluated it is to be 0, as in node. And an error while
it is evaluated must come as an uncaught one, not as an answer: a program may have a listener for those. (Node
gives that listener the origin 'unhandledRejection' for the main module alone, which cannot be had here.)
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

/** The first line in which node shows an error that nobody caught. */
function headline(thrown: unknown): string {
  const shown = thrown instanceof Error ? (thrown.stack ?? String(thrown)) : toldOf(thrown)
  return shown.split('\n', 1)[0] ?? ''
}

function toldOf(thrown: unknown): string {
  return typeof thrown === 'object' ? inspect(thrown) : String(thrown)
}
