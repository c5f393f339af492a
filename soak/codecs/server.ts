import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Codec, cloneQueries } from 'node-qclone'
import { kdb } from 'node-qclone/kdb'
import { ndjson } from 'node-qclone/ndjson'
import { answerQuestions } from '../../harness/program.js'
import { rounded } from '../../harness/stats.js'

/** Questions to the server: its ports, start measuring, report the cost. */
export type Question = 'ports' | 'begin' | 'end'

export type Ports = Record<'kdb' | 'ndjson', number>

/** Cost for the parent, without its clones. */
export interface Cost {
  cpuMs: number
  /** Longest time during which it did nothing else. */
  longestMs: number
  /** Peak memory above the starting level. */
  peakMb: number
}

/** A query `stay` is evaluated for this long. Other queries return immediately. */
const STAY_MS = 20_000
/** Value for `/proc/self/clear_refs` that resets the peak RSS. */
const FORGET_PEAK = '5'

/** Serves clients with both codecs and their default options, and reports what they cost. */
export async function serve(): Promise<void> {
  const listen = async (codec: Codec): Promise<number> => {
    const server = createServer()
    cloneQueries(server, {
      codec,
      evaluate: (query) => (query === 'stay' ? new Promise((done) => setTimeout(done, STAY_MS)) : 0),
      onUpdate: () => {},
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
