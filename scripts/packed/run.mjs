import { spawnSync } from 'node:child_process'

/** Runs a program to its end and returns its stdout. @throws {Error} with all its output if it fails. */
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
