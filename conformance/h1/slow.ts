import { PATHS } from '../../harness/apps/h1.js'
import { originOf, type Target } from '../../harness/clients/target.js'
import { type Finding, outputOf, type Tool } from './tool.js'

const ALL = ['-c', '20', '-r', '50', '-i', '1', '-l', '8', '-p', '5']
const MODES = {
  'slow headers': ['-H'],
  'slow body': ['-B'],
  'slow read': ['-X', '-w', '512', '-y', '1024', '-n', '1', '-z', '32', '-k', '1'],
} as const
const TERMINAL_CODES = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*[A-Za-z]`, 'g')

/** slowhttptest: opens connections that the server has to end, and checks that others are served meanwhile. */
export function slow(command: string): Tool {
  return {
    name: 'slowhttptest',
    async test(target) {
      const findings: Finding[] = []
      // One after another, as each uses the whole machine.
      for (const [test, mode] of Object.entries(MODES)) findings.push(await see(command, target, test, mode))
      return findings
    },
  }
}

async function see(command: string, target: Target, test: string, mode: readonly string[]): Promise<Finding> {
  const output = await outputOf(command, [...mode, ...ALL, '-u', `${originOf(target)}${PATHS.large}`])
  const plain = output.replace(TERMINAL_CODES, '')
  const available = new Set([...plain.matchAll(/service available:\s*(\w+)/g)].map(([, word]) => word))
  const ending = /Exit status:\s*(.*)/.exec(plain)?.[1]?.trim()
  return { test, verdict: `${ending}; available: ${[...available].join(', then ')}` }
}
