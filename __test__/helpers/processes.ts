import { openSync } from 'node:fs'
import { until as untilOrLimit } from '../../bench/lib/until.js'

export { children, countDescriptors, lookUp } from '../../bench/lib/proc.js'
export { standForever } from '../../bench/lib/stand.js'

const PATIENCE_MS = 20_000

/** Waits until `condition` holds; the event loop goes on. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  if (!(await untilOrLimit(condition, PATIENCE_MS))) throw new Error(`waited in vain until ${what}`)
}

/** Stands still until `condition` holds. */
export function standUntil(what: string, condition: () => boolean): void {
  const deadline = performance.now() + PATIENCE_MS
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
  }
}

/** Opens files until the system refuses. */
export function fillDescriptors(): number[] {
  const opened: number[] = []
  for (;;) {
    try {
      opened.push(openSync('/dev/null', 'r'))
    } catch {
      return opened
    }
  }
}
