import { ReadableStream, TransformStream, WritableStream } from 'node:stream/web'

const source = new ReadableStream({
  start(controller) {
    for (const n of [1, 2, 3]) controller.enqueue(n)
    controller.close()
  },
})
const doubled = source.pipeThrough(
  new TransformStream({
    transform: (n, controller) => controller.enqueue(n * 2),
    flush: (controller) => controller.enqueue('flushed'),
  }),
)
const [a, b] = doubled.tee()
const seen = []
await a.pipeTo(new WritableStream({ write: (chunk) => void seen.push(chunk) }))
console.log(seen)
for await (const chunk of b) console.log(chunk)
