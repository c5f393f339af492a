import { text } from 'node:stream/consumers'
import { SHARE_ENV, Worker } from 'node:worker_threads'

const piped = new Worker("console.log('from the thread'); process.env.SET = 'inside'", {
  eval: true,
  stdout: true,
  env: { ...process.env },
})
console.log(await text(piped.stdout), process.env.SET)
new Worker("process.env.SET = 'shared'; console.log('straight through')", { eval: true, env: SHARE_ENV }).on(
  'exit',
  () => console.log(process.env.SET),
)
