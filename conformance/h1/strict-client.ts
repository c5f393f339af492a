import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HOST } from '../../__test__/clients/target.js'
import { type Finding, outputOf, type Tool } from './tool.js'

/** It is run as it is written. */
const PROGRAM = fileURLToPath(new URL('../../../conformance/h1/client.py', import.meta.url))

/** h11, as a client: it takes nothing that breaks the protocol. */
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
