import { PassThrough, pipeline, Readable } from 'node:stream'

const source = new Readable({
  read() {
    this.push('some')
    this.destroy(new Error('source broke'))
  },
})
const middle = new PassThrough()
pipeline(
  source,
  middle,
  async function* (chunks) {
    for await (const chunk of chunks) yield chunk
  },
  new PassThrough().resume(),
  (error) => {
    console.log(error.message, source.destroyed, middle.destroyed)
  },
)
