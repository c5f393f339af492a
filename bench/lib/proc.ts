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

/** Children of this process, with their state; `Z` is a zombie. */
export function children(): Array<{ pid: number; state: string }> {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = statOf(name)
      return stat?.parent === process.pid ? [{ pid: Number(name), state: stat.state }] : []
    })
}

function statOf(pid: string): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in parentheses, may hold anything.
    const [state = '?', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}
