import { readdirSync, readFileSync } from 'node:fs'

/** Number of open descriptors of this process, including the one used for counting. */
export function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

export function countMappings(): number {
  return readFileSync('/proc/self/maps', 'latin1').split('\n').length - 1
}

/** Number of mappings that a fork leaves out (MADV_DONTFORK): those of V8's heap. */
export function countMarkedMappings(): number {
  return readFileSync('/proc/self/smaps', 'latin1').match(/^VmFlags:.* dc\b/gm)?.length ?? 0
}

/** Thread of this process, with the contents of its file in `/proc/self/task/TID`. */
export interface ThreadFile {
  tid: number
  text: string
}

/** Reads one file of each thread of this process, such as `comm`. Leaves out threads that end meanwhile. */
export function readThreadFiles(file: string): ThreadFile[] {
  return readdirSync('/proc/self/task').flatMap((tid) => {
    try {
      return { tid: Number(tid), text: readFileSync(`/proc/self/task/${tid}/${file}`, 'latin1') }
    } catch {
      return []
    }
  })
}

/** Processes that threads of this one have started and not reaped. */
export function unreaped(): string[] {
  return readThreadFiles('children').flatMap(({ text }) => text.split(' ').filter(Boolean))
}

/** Process, as described by `/proc/PID/stat`. */
export interface ProcessInfo {
  pid: number
  name: string
  /** One letter: `R`, `S`, `Z` and so on. */
  state: string
  parent: number
  group: number
}

/** Looks up a process; `undefined` if it is gone or reaped. */
export function lookUp(pid: number): ProcessInfo | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name is in parentheses, and may contain some itself.
  const [, name = '', rest = ''] = /\((.*)\) (.*)/s.exec(text) ?? []
  const [state = '', parent, group] = rest.split(' ')
  return { pid, name, state, parent: Number(parent), group: Number(group) }
}

/** Children of this process; state `Z` is a zombie. */
export function children(): ProcessInfo[] {
  return allProcesses().filter(({ parent }) => parent === process.pid)
}

/** Running processes of a group. Zombies are left out, as orphans are reaped by the system. */
export function membersOf(group: number): ProcessInfo[] {
  return allProcesses().filter((found) => found.group === group && found.state !== 'Z')
}

/** A process and all its descendants, without zombies. */
export function familyOf(root: number): ProcessInfo[] {
  const all = allProcesses().filter(({ state }) => state !== 'Z')
  const family = all.filter(({ pid }) => pid === root)
  // Grows during the iteration.
  for (const { pid } of family) family.push(...all.filter(({ parent }) => parent === pid))
  return family
}

/** CPU time in milliseconds that a process, its live descendants and those it has reaped have used so far. */
export function cpuMsOfFamily(root: number): number {
  return familyOf(root).reduce((sum, { pid }) => sum + cpuMs(pid), 0)
}

/** Processes started with environment variable `name` set to `value`, and their clones. Zombies are left out. */
export function processesWith(name: string, value: string): number[] {
  return allPids().filter((pid) => environmentOf(pid).includes(`${name}=${value}`))
}

/** CPU time of a process and of the children it has reaped; 0 if it is gone. */
function cpuMs(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // After the name: utime, stime, cutime and cstime are fields 14 to 17.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * MS_PER_TICK
  } catch {
    return 0
  }
}

/** Linux reports times to user space in ticks of 1/100 s. */
const MS_PER_TICK = 10

/**
@param room Descriptors needed, spare ones included.
@param hint What to do if there are fewer.
@throws if this process may not open enough. Node has already raised the soft limit to the hard one.
*/
export function expectRoomFor(room: number, hint: string): void {
  const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
  if (soft === undefined || Number(soft) >= room) return
  throw new Error(`Expected room for ${room} descriptors, got ${soft}: raise \`ulimit -Hn\`, or ${hint}`)
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
    // The process has ended, or belongs to another user.
    return []
  }
}
