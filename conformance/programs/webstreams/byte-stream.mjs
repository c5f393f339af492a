const stream = new ReadableStream({
  type: 'bytes',
  autoAllocateChunkSize: 4,
  pull(controller) {
    const { byobRequest } = controller
    byobRequest.view.fill(7)
    byobRequest.respond(byobRequest.view.byteLength)
  },
})
const reader = stream.getReader({ mode: 'byob' })
const { value, done } = await reader.read(new Uint8Array(3))
console.log(value, done)
await reader.cancel('enough')
console.log(await reader.read(new Uint8Array(1)))
