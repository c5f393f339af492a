import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** A process, by `/proc/PID/stat`. */
export interface ProcessInfo {
  pid: number
  name: string
  /** One letter: `R`, `S`, `Z` and so on. */
  state: string
  parent: number
  group: number
}

const POLL_MS = 5
const PATIENCE_MS = 20_000

/** The process; undefined when it is gone, reaped included. */
export function lookUp(pid: number): ProcessInfo | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name stands in parentheses, and may hold some itself.
  const [, name = '', rest = ''] = /\((.*)\) (.*)/s.exec(text) ?? []
  const [state = '', parent, group] = rest.split(' ')
  return { pid, name, state, parent: Number(parent), group: Number(group) }
}

/** Every process, zombies included. */
export function allProcesses(): ProcessInfo[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return pids.map((pid) => lookUp(Number(pid))).filter((found) => found !== undefined)
}

/** Processes of a group that still run. */
export function membersOf(group: number): ProcessInfo[] {
  return allProcesses().filter((found) => found.group === group && found.state !== 'Z')
}

/** Waits until `condition` holds; the event loop goes on. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await delay(POLL_MS)
  }
}

/** Stands still until `condition` holds. */
export function standUntil(what: string, condition: () => boolean): void {
  const deadline = performance.now() + PATIENCE_MS
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
  }
}

/** Stands still for good, without using the processor. */
export function standForever(): never {
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** How many descriptors this process has open. */
export function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}
