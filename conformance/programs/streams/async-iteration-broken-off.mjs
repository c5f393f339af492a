import { Readable } from 'node:stream'

let reads = 0
const endless = new Readable({
  objectMode: true,
  highWaterMark: 1,
  read() {
    reads++
    this.push({ reads })
  },
})
endless.on('close', () => console.log('closed', endless.destroyed))
for await (const { reads } of endless) {
  console.log(reads)
  if (reads === 3) break
}
