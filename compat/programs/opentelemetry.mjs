// package: @opentelemetry/sdk-node
// with: @opentelemetry/api
// parent: exports batches of spans
// clone: begins a span
import assert from 'node:assert/strict'
import { trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'

process.env.OTEL_BSP_SCHEDULE_DELAY = '20'

const exported = []
const exporter = {
  export(spans, done) {
    exported.push(...spans.map((span) => span.spanContext().spanId))
    done({ code: 0 })
  },
  shutdown: async () => {},
}
const sdk = new NodeSDK({
  traceExporter: exporter,
  metricReaders: [],
  logRecordProcessors: [],
  autoDetectResources: false,
})
sdk.start()
const tracer = trace.getTracer('compat')

export const use = () =>
  tracer.startActiveSpan('use', (span) => {
    assert.equal(trace.getActiveSpan(), span)
    span.end()
  })
export function inClone() {
  const span = tracer.startSpan('in clone')
  span.end()
  return span.spanContext().spanId
}
export async function after(spans) {
  await sdk.shutdown()
  const all = [...exported, ...spans]
  assert.equal(new Set(all).size, all.length, 'span ids repeat')
}
