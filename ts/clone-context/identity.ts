import { readlinkSync } from 'node:fs'
import type { EventType } from '../children.js'

/** `process.pid` and the title that `ps` shows. */
export function takeIdentity(event: EventType, title = `${process.title} (clone: ${event})`): void {
  // node remembers its pid from its start.
  const pid = Number(readlinkSync('/proc/self'))
  Object.defineProperty(process, 'pid', { value: pid, configurable: true, enumerable: true, writable: false })
  process.title = title
}
