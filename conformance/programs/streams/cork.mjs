import { Writable } from 'node:stream'

const batches = []
const sink = new Writable({
  writev(chunks, done) {
    batches.push(chunks.map(({ chunk }) => chunk.toString()))
    done()
  },
})
sink.cork()
for (const word of ['all', 'at', 'once']) sink.write(word)
process.nextTick(() => {
  sink.uncork()
  sink.end('last')
})
sink.on('finish', () => console.log(JSON.stringify(batches)))
