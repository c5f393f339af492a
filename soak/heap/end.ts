import 'node-qclone/heap'
import { Worker } from 'node:worker_threads'
import { spawn } from 'node-qclone'

const CODE = `
const rows = []
setInterval(() => { for (let i = 0; i < 2000; i++) rows.push({ i, name: 'n' + i }) }, 0)
`

const [how] = process.argv.slice(2)
const rows = Array.from({ length: 40_000 }, (_, id) => ({ id, name: `n${id}` }))
const worker = () => new Worker(CODE, { eval: true })

switch (how) {
  case 'exit':
    process.exit(7)
    break
  case 'worker':
    worker()
    setTimeout(() => process.exit(0), 30)
    break
  case 'many-workers':
    for (let i = 0; i < 3; i++) worker()
    setTimeout(() => process.exit(0), 60)
    break
  case 'uncaught':
    throw new Error('expected')
  case 'clone': {
    const { status } = await spawn(() => rows.length % 256).exited
    process.exitCode = status === rows.length % 256 ? 0 : 9
    break
  }
  case 'gc': {
    const gc = (globalThis as { gc?: () => void }).gc
    for (let i = 0; i < 30; i++) rows.push(...rows.slice(0, 5000).map(({ id }) => ({ id, name: `n${id}` })))
    gc?.()
    break
  }
  default:
}
