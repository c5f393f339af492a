import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HOST } from '../../harness/clients/target.js'
import { type Finding, outputOf, type Tool } from './tool.js'

/** Runs from the source folder, as it needs no build. */
const PROGRAM = fileURLToPath(new URL('../../../conformance/h1/client.py', import.meta.url))

/** h11 as a client, which accepts nothing that violates the protocol. */
export function strictClient(bin: string): Tool {
  return {
    name: 'h11',
    async test({ port }) {
      const output = await outputOf(join(bin, 'python'), [PROGRAM, HOST, `${port}`])
      return output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Finding)
    },
  }
}
