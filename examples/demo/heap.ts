import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { getHeapStatistics } from 'node:v8'

const BYTES_PER_MB = 2 ** 20
const BASE_MB = 128
const BYTES_PER_ROW = 250

/**
 * On a machine with little memory V8's default limit is too low for the table. The limit cannot be raised
 * in a running process: runs the same command once more with a higher one, and returns its exit code.
 */
export function rerunWithHeapFor(rows: number): number | undefined {
  const neededMb = BASE_MB + Math.ceil((rows * BYTES_PER_ROW) / BYTES_PER_MB)
  if (getHeapStatistics().heap_size_limit / BYTES_PER_MB >= neededMb) return undefined
  if (process.execArgv.some((flag) => flag.startsWith('--max-old-space-size'))) return undefined

  const main = fileURLToPath(new URL('main.js', import.meta.url))
  const flags = [...process.execArgv, `--max-old-space-size=${neededMb}`]
  return (
    spawnSync(process.execPath, [...flags, main, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1
  )
}
