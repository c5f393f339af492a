import { spawnSync } from 'node:child_process'

/** Runs a program to its end and gives its stdout. @throws {Error} with all it printed, when it fails. */
export function run(program, args, options = {}) {
  const { error, status, signal, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  if (error) throw error
  if (status === 0) return stdout
  throw new Error(`${program} ${args.join(' ')}: ${signal ?? `exit code ${status}`}\n${stdout}${stderr}`)
}
