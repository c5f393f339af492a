import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Codec, cloneQueries, kdb, ndjson } from 'node-qclone'
import { answerQuestions } from '../../bench/lib/program.js'
import { rounded } from '../../bench/lib/stats.js'

/** What is asked of the server: where it listens, to begin to measure, what something has cost. */
export type Question = 'ports' | 'begin' | 'end'

export type Ports = Record<'kdb' | 'ndjson', number>

/** What something has cost the parent, its clones not counted. */
export interface Cost {
  cpuMs: number
  /** For how long it did nothing else. */
  longestMs: number
  /** Memory at the most, over what it was. */
  peakMb: number
}

/** A query that is `stay` is evaluated for so long; others are not looked at. */
const STAY_MS = 20_000
/** The kernel's word for: forget how much memory this process has had at the most. */
const FORGET_PEAK = '5'

/** Serves clients by both codecs, with their defaults, and tells what they cost. */
export async function serve(): Promise<void> {
  const listen = async (codec: Codec): Promise<number> => {
    const server = createServer()
    cloneQueries(server, {
      codec,
      evaluate: (query) => (query === 'stay' ? new Promise((done) => setTimeout(done, STAY_MS)) : 0),
      update: () => {},
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    server.unref()
    return (server.address() as AddressInfo).port
  }
  const ports: Ports = { kdb: await listen(kdb()), ndjson: await listen(ndjson()) }
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let begun = { cpu: process.cpuUsage(), rssMb: 0 }
  await answerQuestions<Question, Ports | Cost>(async (question) => {
    if (question === 'ports') return ports
    if (question === 'begin') {
      writeFileSync('/proc/self/clear_refs', FORGET_PEAK)
      begun = { cpu: process.cpuUsage(), rssMb: process.memoryUsage.rss() / 2 ** 20 }
      delay.enable()
      return ports
    }
    delay.disable()
    const { user, system } = process.cpuUsage(begun.cpu)
    return {
      cpuMs: rounded((user + system) / 1000),
      longestMs: rounded(delay.max / 1e6),
      peakMb: Math.max(0, Math.round(peakMb() - begun.rssMb)),
    }
  })
}

function peakMb(): number {
  const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
  return Number(kib) / 1024
}
