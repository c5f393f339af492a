import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { getHeapStatistics } from 'node:v8'

const BYTES_PER_MB = 2 ** 20
const BASE_MB = 128
const BYTES_PER_ROW = 250
const PASSED_ON = ['SIGINT', 'SIGTERM'] as const

/**
On a machine with little memory V8's default limit is too low for the table. The limit cannot be raised in a running
process: runs the same command again with a higher limit, and returns its exit code.
*/
export async function rerunWithHeapFor(rows: number): Promise<number | undefined> {
  const neededMb = BASE_MB + Math.ceil((rows * BYTES_PER_ROW) / BYTES_PER_MB)
  if (getHeapStatistics().heap_size_limit / BYTES_PER_MB >= neededMb) return undefined
  if (process.execArgv.some((flag) => flag.startsWith('--max-old-space-size'))) return undefined

  const flags = [...process.execArgv, `--max-old-space-size=${neededMb}`]
  const child = spawn(process.execPath, [...flags, ...process.argv.slice(1)], { stdio: 'inherit' })
  const passOn = (signal: NodeJS.Signals) => child.kill(signal)
  for (const signal of PASSED_ON) process.on(signal, passOn)
  const [code] = (await once(child, 'exit')) as [number | null]
  for (const signal of PASSED_ON) process.off(signal, passOn)
  return code ?? 1
}
