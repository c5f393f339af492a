import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

if (process.argv[2] === 'child') {
  process.on('message', ({ n }) => process.send({ square: n * n }))
  process.on('disconnect', () => console.log('child: disconnected'))
} else {
  const child = fork(fileURLToPath(import.meta.url), ['child'])
  child.on('message', ({ square }) => {
    console.log(square)
    if (square < 9) child.send({ n: 3 })
    else child.disconnect()
  })
  child.on('exit', (code, signal) => console.log('exit', code, signal))
  child.send({ n: 2 })
}
