import { Writable } from 'node:stream'

let written = 0
const slow = new Writable({
  highWaterMark: 4,
  write(chunk, _encoding, done) {
    written += chunk.length
    setImmediate(done)
  },
})
const log = []
for (let i = 0; i < 4; i++) log.push(slow.write('abc'))
console.log(log.join(), slow.writableLength, slow.writableNeedDrain)
slow.once('drain', () => {
  console.log('drained', written)
  slow.end('z', () => console.log('finished', written))
})
