import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import winston from 'winston'
import { handlers, run } from '../../../../dist/index.js'
import { folder } from '../support/folder.mjs'

const { file, remove } = folder()
const transport = new winston.transports.File({ filename: file('parent') })
const log = winston.createLogger({ transports: [transport] })
const undo = handlers.inClone.shim((prev, kind) => {
  // The parent's file is closed here. The console's transport needs nothing of the kind.
  log.clear().add(new winston.transports.File({ filename: file(`clone-${kind}`) }))
  prev(kind)
})
log.info('of the parent')
await run(async () => {
  log.info('of the clone')
  const finished = once(log.transports[0], 'finish')
  log.end()
  await finished
})
const finished = once(transport, 'finish')
log.end()
await finished
for (const name of ['parent', 'clone-run']) console.log(readFileSync(file(name), 'utf8').trim())
remove()
undo()
