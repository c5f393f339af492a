import { cpuMs } from '../../harness/cpu-time.js'
import { gc } from '../../harness/heap.js'
import { Random } from '../../harness/random.js'
import { rounded } from '../../harness/stats.js'

/** CPU time of a parent's work, by kind, in milliseconds, and its memory at the end. */
export interface Toil {
  times: Record<string, number>
  rssMib: number
}

interface Row {
  id: number
  name: string
  price: number
  tags: number[]
}

const ROWS = 1_500_000
const READS = 3_000_000
const SCANS = 4
const GARBAGE = 12_000_000
const COLLECTIONS = 3

/** Does the work of a parent that holds a table, without clones. */
export function toil(): Toil {
  const times: Record<string, number> = {}
  const timed = <T>(name: string, work: () => T): T => {
    let done: T | undefined
    const ms = cpuMs(() => {
      done = work()
    })
    times[name] = rounded(ms)
    return done as T
  }
  const random = new Random(1, 0)
  const table = timed('build', () => Array.from({ length: ROWS }, (_, id) => row(id)))
  let sum = 0
  timed('random reads', () => {
    for (let i = 0; i < READS; i++) sum += (table[random.below(ROWS)] as Row).price
  })
  timed('scan', () => {
    for (let i = 0; i < SCANS; i++) for (const { id, tags } of table) sum += id + (tags[0] as number)
  })
  const index = new Map(table.map((row) => [row.name, row]))
  timed('Map', () => {
    for (let i = 0; i < READS / 3; i++) sum += index.get(`n${random.below(ROWS)}`)?.price ?? 0
  })
  timed('garbage', () => {
    for (let i = 0; i < GARBAGE; i++) sum += row(i).tags.length
  })
  timed('full GC', () => {
    for (let i = 0; i < COLLECTIONS; i++) gc()
  })
  timed('JSON', () => {
    const text = JSON.stringify(table.slice(0, ROWS / 5))
    sum += (JSON.parse(text) as Row[]).length
  })
  timed('sort', () => {
    sum += (table.slice(0, ROWS / 3).sort((a, b) => (a.price % 1000) - (b.price % 1000))[0] as Row).id
  })
  if (Number.isNaN(sum) || index.size !== ROWS) throw new Error('wrong sum')
  return { times, rssMib: Math.round(process.memoryUsage.rss() / 2 ** 20) }
}

function row(id: number): Row {
  return { id, name: `n${id}`, price: id * 0.5 + 0.25, tags: [id & 7, id & 15] }
}
