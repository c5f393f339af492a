import { readdirSync, readFileSync } from 'node:fs'

/** Descriptors of this process that are open, the one that reads the folder included. */
export function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

export function countMappings(): number {
  return readFileSync('/proc/self/maps', 'latin1').split('\n').length - 1
}

/** Mappings that a fork leaves out (MADV_DONTFORK): those of V8's heap. */
export function countMarkedMappings(): number {
  return readFileSync('/proc/self/smaps', 'latin1').match(/^VmFlags:.* dc\b/gm)?.length ?? 0
}

/** A process, by `/proc/PID/stat`. */
export interface ProcessInfo {
  pid: number
  name: string
  /** One letter: `R`, `S`, `Z` and so on. */
  state: string
  parent: number
  group: number
}

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

/** Children of this process; state `Z` is a zombie. */
export function children(): ProcessInfo[] {
  return allProcesses().filter(({ parent }) => parent === process.pid)
}

/** Processes of a group that still run. Who reaps orphans is up to the system. */
export function membersOf(group: number): ProcessInfo[] {
  return allProcesses().filter((found) => found.group === group && found.state !== 'Z')
}

/** Processes, zombies excepted, that were started with `value` as environment variable `name`, and clones of them. */
export function processesWith(name: string, value: string): number[] {
  return allPids().filter((pid) => environmentOf(pid).includes(`${name}=${value}`))
}

/** Every process, zombies included. */
function allProcesses(): ProcessInfo[] {
  return allPids()
    .map(lookUp)
    .filter((found) => found !== undefined)
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    // It has ended meanwhile, or is another user's.
    return []
  }
}
