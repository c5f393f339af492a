import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

if (process.send) {
  process.once('message', (message) => process.send(message, () => process.disconnect()))
} else {
  const child = fork(fileURLToPath(import.meta.url), { serialization: 'advanced' })
  child.send({
    map: new Map([[1, new Set(['x'])]]),
    big: 2n ** 70n,
    date: new Date(0),
    bytes: Buffer.from('b'),
  })
  child.on('message', (back) => console.log(back))
  child.on('close', (code) => console.log('close', code))
}
