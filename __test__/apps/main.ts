import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { check, clones, handlers } from 'node-qclone'
import type { App } from './app.js'
import { serve } from './serve.js'

// Serves an app until its stdin or its parent ends: `main.js NAME [--clone] [--wrong]`. Prints its port, and for
// each line on stdin what came of it so far, each as one line of JSON.

/** The first line. */
export interface Started {
  readonly port: number
  /** Why the process could not be cloned, and would not without a change. */
  readonly obstacle: string | undefined
}

/** The other lines. */
export interface Tally {
  readonly connections: number
  readonly clones: number
  /** Why clones were not made, by code, and how many each. */
  readonly refused: Record<string, number>
  /** Clones that live. */
  readonly alive: number
  /** How clones ended, and how many each. */
  readonly endings: Record<string, number>
}

const ORPHAN_CHECK_MS = 500

/** Only one is loaded: a process that is cloned should hold what a real one does. */
const APPS: Record<string, (wrong: boolean) => Promise<App>> = {
  http: async () => (await import('./plain.js')).http,
  https: async () => (await import('./plain.js')).https,
  express: async () => (await import('./express.js')).express,
  fastify: async () => (await import('./fastify.js')).fastify,
  koa: async () => (await import('./koa.js')).koa,
  hono: async () => (await import('./hono.js')).hono,
  h1: async (wrong) => (await import('./h1.js')).h1(wrong),
  broken: async (wrong) => (await import('./broken.js')).broken(wrong),
}

const [name = '', ...flags] = process.argv.slice(2)
const load = APPS[name]
if (!load) throw new Error(`Expected one of ${Object.keys(APPS).join(', ')}, got \`${name}\``)

const tally = { connections: 0, clones: 0 }
const refused: Record<string, number> = {}
const endings: Record<string, number> = {}
const count = (counts: Record<string, number>, name: string) => {
  counts[name] = (counts[name] ?? 0) + 1
}
handlers.newClone.shim((prev, ...args) => {
  tally.clones++
  prev(...args)
})
handlers.forkFailed.shim((prev, error, event) => {
  count(refused, error.code)
  prev(error, event)
})
handlers.oldClone.shim((prev, status, event) => {
  count(endings, status.signal ?? `status ${status.status}`)
  prev(status, event)
})

const app = await load(flags.includes('--wrong'))
const { server, port } = await serve(app, { clone: flags.includes('--clone') })
server.on('connection', () => tally.connections++)
const report = check()
print({ port, obstacle: report.ok || report.transient ? undefined : report.reason })

const parent = process.ppid
setInterval(() => process.ppid === parent || process.exit(), ORPHAN_CHECK_MS).unref()
const questions = createInterface({ input: process.stdin })
questions.on('line', () => print({ ...tally, refused, endings, alive: clones().length }))
await once(questions, 'close')
process.exit()

function print(told: Started | Tally): void {
  process.stdout.write(`${JSON.stringify(told)}\n`)
}
