import { spawnSync } from 'node:child_process'

const NO_PYTHON = 127

/**
Path of a Python with `client`, one of the clients in `scripts/python-clients.mjs`. Installing it may take a minute.
`undefined` if there is no Python.
*/
export function pythonWith(client: string): string | undefined {
  const { status, stdout } = spawnSync(process.execPath, ['scripts/python-clients.mjs', client], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  if (status === NO_PYTHON) return undefined
  if (status !== 0) throw new Error(`Setting up Python with ${client} failed`)
  return stdout.trim().split('\n').at(-1)
}
