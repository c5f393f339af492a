import { check } from 'node-qclone'

import { ExampleError } from './errors.js'

/** Runs an example, prints an `ExampleError` as one line, and returns the exit code. */
export async function runExample(name: string, example: () => Promise<number>): Promise<number> {
  try {
    return await example()
  } catch (error) {
    if (!(error instanceof ExampleError)) throw error
    process.stderr.write(`${name}: ${error.message}\n`)
    return error.code === 'ERR_EXAMPLE_USAGE' ? 2 : 1
  }
}

/**
Threads that are only temporarily busy, as right after the start of Node, become idle and do not prevent cloning.
*/
export function refuseUnlessCloneable(): void {
  const report = check()
  if (report.ok || report.transient) return
  throw new ExampleError('ERR_EXAMPLE_CANNOT_CLONE', `this process cannot be cloned: ${report.reason}`)
}
