import type { EventType } from '../children.js'
import { calledInClones } from './ahead.js'

/** `process.pid` and the title that `ps` shows. */
export function takeIdentity(
  pid: number,
  event: EventType,
  title = `${process.title} (clone: ${event})`,
): void {
  // node remembers its pid from its start.
  Object.defineProperty(process, 'pid', { value: pid, configurable: true, enumerable: true, writable: false })
  process.title = title
}

calledInClones(takeIdentity)
