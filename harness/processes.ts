import { openSync } from 'node:fs'
import { countDescriptors } from './proc.js'
import { until as untilOrLimit } from './until.js'

export { children, countDescriptors, lookUp } from './proc.js'
export { standForever } from './stand.js'

const PATIENCE_MS = 20_000

/** Waits until `condition` holds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  if (!(await untilOrLimit(condition, PATIENCE_MS))) throw new Error(`timed out waiting until ${what}`)
}

/** Blocks until `condition` holds. */
export function standUntil(what: string, condition: () => boolean): void {
  const deadline = performance.now() + PATIENCE_MS
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`timed out waiting until ${what}`)
  }
}

/**
Plays one round, which opens everything that stays open, then `times` more.

@returns the number of descriptors that the later rounds have left open.
*/
export async function descriptorsLeftBy(round: () => Promise<void>, times: number): Promise<number> {
  await round()
  const before = countDescriptors()
  for (let i = 0; i < times; i++) await round()
  await until('descriptors are closed', () => countDescriptors() <= before)
  return countDescriptors() - before
}

/** Opens files until the limit is reached. */
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
