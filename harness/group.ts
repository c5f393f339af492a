import { membersOf } from './proc.js'
import { until } from './until.js'

/** Time for processes to die after the one that started them. */
const DYING_MS = 5000

/** Waits until no process of a group runs. @returns description of those that still do, or ''. */
export async function untilEmpty(group: number): Promise<string> {
  await until(() => membersOf(group).length === 0, DYING_MS)
  return membersInWords(group)
}

/** Describes the running processes of a group. */
export function membersInWords(group: number): string {
  return membersOf(group)
    .map(({ pid, parent, name, state }) => `${pid} (${name}, ${state}, child of ${parent})`)
    .join(', ')
}

export function killGroup(group: number): void {
  // A process that could not be started has no group; 0 would be this process's own.
  if (group === 0) return
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // The group is empty.
  }
}

export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has already ended.
  }
}
