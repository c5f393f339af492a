import type { EndOptions } from '../types/clone.js'
import { type Expectations, expectEach, expectMilliseconds, expectSignal } from './validate.js'

const EXPECT: Expectations<EndOptions> = {
  killSignal: expectSignal,
  forceKillAfterDelay: expectMilliseconds,
}

export const FORCE_KILL_AFTER_MS = 1000

/** @throws {TypeError} or {@link RangeError} if an option is unknown or invalid. */
export function expectEndOptions(options: unknown): asserts options is EndOptions {
  expectEach(options, EXPECT)
}
