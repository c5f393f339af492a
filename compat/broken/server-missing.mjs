// parent: asks a server that is not installed
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export async function use() {
  await once(spawn('/nowhere/server'), 'spawn')
}
