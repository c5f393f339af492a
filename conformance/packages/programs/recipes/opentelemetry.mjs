import { trace } from '@opentelemetry/api'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { handlers, run } from '../../../../dist/index.js'

/** Names of exported spans: where a collector would be. */
const exported = []
const exporter = {
  export(spans, done) {
    exported.push(...spans.map(({ name }) => name))
    done({ code: 0 })
  },
  shutdown: async () => {},
}
const start = () => {
  trace.disable()
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })
  provider.register()
  return provider
}
let provider = start()
const undo = handlers.inClone.shim((prev, kind) => {
  // The batch has spans of the parent's, which the parent exports.
  provider = start()
  prev(kind)
})
const span = (name) => trace.getTracer('test').startSpan(name).end()
span('of the parent')
const ofClone = await run(async () => {
  span('of the clone')
  // A clone ends when its function has: nothing is exported later.
  await provider.forceFlush()
  return exported
})
await provider.shutdown()
console.log(ofClone, exported)
trace.disable()
undo()
