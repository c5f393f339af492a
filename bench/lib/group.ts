import { membersOf } from './proc.js'
import { until } from './until.js'

/** For how long processes may take to die after the one that started them. */
const DYING_MS = 5000

/** Waits until nothing of a process group runs. @returns what still does, in words; '' when nothing does. */
export async function untilEmpty(group: number): Promise<string> {
  await until(() => membersOf(group).length === 0, DYING_MS)
  return membersInWords(group)
}

/** What runs of a process group. */
export function membersInWords(group: number): string {
  return membersOf(group)
    .map(({ pid, parent, name, state }) => `${pid} (${name}, ${state}, child of ${parent})`)
    .join(', ')
}

export function killGroup(group: number): void {
  // A process that could not be started has none; 0 would be our own.
  if (group === 0) return
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // There is none.
  }
}
