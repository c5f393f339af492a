import { Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const lines = []
const upper = new Transform({
  transform(chunk, _encoding, done) {
    setImmediate(() => done(null, chunk.toString().toUpperCase()))
  },
})
const sink = new Writable({
  write(chunk, _encoding, done) {
    lines.push(chunk.toString())
    done()
  },
})
await pipeline(Readable.from(['one', 'two', 'three']), upper, sink)
console.log(lines.join(' '))
