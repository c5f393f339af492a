import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { check, clones, handlers } from 'node-qclone'
import type { App } from './app.js'
import { serve } from './serve.js'

// Serves an app until its stdin or its parent ends: `main.js NAME [--clone] [--wrong]`. Prints its port, and for each
// line on stdin the current tally, each as one line of JSON.

/** First line of output. */
export interface Started {
  readonly port: number
  /** Reason the process can never be cloned in its current state. */
  readonly obstacle: string | undefined
}

/** Other lines of output. */
export interface Tally {
  readonly connections: number
  readonly clones: number
  /** Number of clones that were not made, by error code. */
  readonly refused: Record<string, number>
  /** Live clones. */
  readonly alive: number
  /** Number of clones by the way they ended. */
  readonly endings: Record<string, number>
}

const ORPHAN_CHECK_MS = 500

/** Loads only the app in use, so that the process holds what a real one would. */
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
handlers.forkFailed.shim((prev, error, kind) => {
  count(refused, error.code)
  prev(error, kind)
})
handlers.oldClone.shim((prev, status, kind) => {
  count(endings, status.signal ?? `status ${status.status}`)
  prev(status, kind)
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
