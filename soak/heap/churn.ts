import 'node-qclone/heap'
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { getHeapSnapshot } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { QcloneError, run, spawn } from 'node-qclone'
import { heapStatus } from 'node-qclone/heap'
import { Random } from '../../harness/random.js'

const [seed = '1', seconds = '10'] = process.argv.slice(2)
const numbers = new Random(Number(seed), 0)
const tally = { rounds: 0, forks: 0 }

const random = (bound: number) => numbers.below(bound)

function expect(is: boolean, what: string): void {
  if (is) return
  process.stderr.write(`wrong: ${what}, pid ${process.pid}\n`)
  process.abort()
}

/** Missing from the types of Node. */
const wasm = (globalThis as unknown as { WebAssembly: { Memory: new (limits: object) => WasmMemory } })
  .WebAssembly

interface WasmMemory {
  buffer: ArrayBuffer
  grow(pages: number): number
}

interface Row {
  id: number
  name: string
  values: number[]
  next: Row | null
}

const rows = new Map<number, Row>()
const ropes: Array<{ text: string; length: number; seed: number }> = []
const largeLists: Array<{ list: unknown[]; seed: number }> = []
const buffers: Array<{ words: Uint32Array; seed: number }> = []

function row(id: number): Row {
  return { id, name: `row ${id}`, values: [id, id * 0.5, -id], next: id % 7 ? null : row(id + 1) }
}

function isRow(row: Row, id: number): boolean {
  const [first, second, third] = row.values
  return (
    row.id === id &&
    row.name === `row ${id}` &&
    first === id &&
    second === id * 0.5 &&
    third === -id &&
    (id % 7 ? row.next === null : row.next?.id === id + 1)
  )
}

function verify(share: number): void {
  let index = 0
  for (const [id, row] of rows) if (index++ % share === 0) expect(isRow(row, id), `row ${id}`)
  for (const { text, length, seed } of ropes) {
    expect(text.length === length && text.startsWith(`${seed}:`) && text.endsWith('.'), 'rope')
  }
  for (const { list, seed } of largeLists) {
    for (let i = 0; i < list.length; i += share) expect(list[i] === seed + i, 'large object')
  }
  for (const { words, seed } of buffers) {
    for (let i = 0; i < words.length; i += 64 * share) expect(words[i] === seed + i, 'buffer')
  }
}

const DEEDS: Record<string, () => unknown> = {
  rows() {
    const base = random(60_000)
    for (let i = 0; i < 6000; i++) {
      const id = base + i * 3
      if (random(3)) rows.set(id, row(id))
      else rows.delete(id)
    }
  },
  dropMany() {
    if (rows.size < 40_000) return
    const keep = random(5)
    for (const id of rows.keys()) if (id % 5 !== keep) rows.delete(id)
  },
  ropes() {
    const seed = random(1000)
    let text = `${seed}:`
    for (let i = 0; i < 500; i++) text += `piece ${i} of it, `
    text += '.'
    ropes.push({ text, length: text.length, seed })
    if (ropes.length > 60) ropes.splice(0, 20)
  },
  large() {
    const seed = random(1000)
    const length = 20_000 + random(random(10) ? 60_000 : 900_000)
    const list = Array.from({ length }, (_, i) => seed + i)
    // Shrinks a large object, so that one of its pages is cut.
    if (random(2)) list.length = 10_000 + random(length - 10_000)
    largeLists.push({ list, seed })
    if (largeLists.length > 12) largeLists.splice(0, 6)
  },
  buffers() {
    const seed = random(1000)
    const words = new Uint32Array(1 + random(random(8) ? 50_000 : 3_000_000))
    for (let i = 0; i < words.length; i++) words[i] = seed + i
    buffers.push({ words, seed })
    if (buffers.length > 10) buffers.splice(0, 5)
  },
  code() {
    for (let i = 0; i < 20; i++) {
      const factor = random(1000)
      const made = new Function('x', `let s = 0; for (let i = 0; i < 3000; i++) s += x * ${factor}; return s`)
      expect(made(2) === 6000 * factor, 'code')
    }
  },
  json() {
    const some = [...rows.values()].slice(0, 3000)
    const back = JSON.parse(JSON.stringify(some)) as Row[]
    back.forEach((row) => void expect(isRow(row, row.id), 'JSON'))
  },
  wasm() {
    const memory = new wasm.Memory({ initial: 1, maximum: 400 })
    memory.grow(random(200))
    const bytes = new Uint32Array(memory.buffer)
    for (let i = 0; i < bytes.length; i += 997) bytes[i] = i
    for (let i = 0; i < bytes.length; i += 997) expect(bytes[i] === i, 'wasm')
  },
  regexp() {
    const [, id] = /row (\d+)/.exec(`a row ${random(1000)} of many`) ?? []
    expect(id !== undefined, 'regexp')
  },
  collect() {
    const gc = (globalThis as { gc?: (options?: object) => void }).gc
    gc?.(random(3) ? { type: 'minor' } : {})
  },
  async snapshot() {
    if (random(6) || rows.size > 30_000) return
    let bytes = 0
    for await (const chunk of getHeapSnapshot()) bytes += chunk.length
    expect(bytes > 1000, 'heap snapshot')
  },
  async worker() {
    if (random(2)) return
    const count = 20_000 + random(100_000)
    const worker = new Worker(WORKER, { eval: true, workerData: count })
    if (!random(4)) {
      await worker.terminate()
      return
    }
    // Both events may be emitted in one turn.
    const exited = once(worker, 'exit')
    const [whole] = await once(worker, 'message')
    expect(whole === true, 'Worker')
    await exited
  },
  async child() {
    if (random(2)) {
      expect(execFileSync('/bin/echo', ['x'], { encoding: 'utf8' }) === 'x\n', 'child process')
      return
    }
    await new Promise<void>((resolve) => {
      execFile('/bin/echo', ['y'], (error, stdout) => {
        expect(!error && stdout === 'y\n', 'child process')
        resolve()
      })
    })
  },
  spawn: () =>
    clone(async () => {
      const { status } = await spawn(() => {
        verify(7)
        DEEDS.rows?.()
        DEEDS.large?.()
        DEEDS.collect?.()
        verify(11)
        return 3
      }).exited
      expect(status === 3, `clone, status ${status}`)
    }),
  run: () =>
    clone(async () => {
      const size = rows.size
      const answer = await run(async () => {
        verify(5)
        for (let i = 0; i < 5; i++) DEEDS.rows?.()
        DEEDS.code?.()
        await new Promise((resolve) => setTimeout(resolve, 5))
        verify(9)
        return size
      })
      expect(answer === size, 'answer of a clone')
    }),
}

async function clone(act: () => Promise<void>): Promise<void> {
  const changing = setInterval(() => DEEDS.rows?.(), 1)
  try {
    await act()
    tally.forks++
  } catch (error) {
    // Busy threads are not a fault of the heap.
    if (!(error instanceof QcloneError) || error.code !== 'ERR_QCLONE_THREADS') throw error
  } finally {
    clearInterval(changing)
  }
}

const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const rows = Array.from({ length: workerData }, (_, id) => ({ id, name: 'n' + id, list: [id, id + 1] }))
let whole = true
for (let round = 0; round < 3; round++) {
  for (let i = 0; i < rows.length; i += 3) rows[i] = { id: i, name: 'n' + i, list: [i, i + 1] }
  whole &&= rows.every(({ id, name, list }, i) => id === i && name === 'n' + i && list[1] === i + 1)
}
parentPort.postMessage(whole)
`

const status = heapStatus()
expect(status.mode === 'huge' || status.mode === 'dense', `mode ${status.mode}: ${status.reason}`)
const names = Object.keys(DEEDS)
const deadline = Date.now() + Number(seconds) * 1000
while (Date.now() < deadline) {
  const name = names[random(names.length)] as string
  await DEEDS[name]?.()
  verify(23)
  tally.rounds++
}
verify(1)
console.log(`rounds ${tally.rounds} forks ${tally.forks}`)
