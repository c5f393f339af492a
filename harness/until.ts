import { setTimeout as delay } from 'node:timers/promises'

const STEP_MS = 5

/** Resolves when `condition` holds, or after `limitMs`. @returns whether it holds. */
export async function until(condition: () => boolean, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs
  while (!condition()) {
    if (performance.now() > deadline) return false
    await delay(STEP_MS)
  }
  return true
}
