import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

const LIMIT_MS = 30_000

/** Full gdb backtraces of all threads of process `pid`. */
export function backtraces(pid: number): Promise<string> {
  const args = ['-p', String(pid), '-batch', '-ex', 'thread apply all bt']
  return new Promise((resolve) => {
    execFile('gdb', args, { timeout: LIMIT_MS, killSignal: 'SIGKILL' }, (error, stdout) => {
      const told = stdout || `no backtrace: ${(error as NodeJS.ErrnoException | null)?.code ?? error}\n`
      resolve(`${told}/proc/${pid}/syscall: ${syscallOf(pid)}`)
    })
  })
}

function syscallOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/syscall`, 'utf8').trim()
  } catch (error) {
    return String(error)
  }
}
