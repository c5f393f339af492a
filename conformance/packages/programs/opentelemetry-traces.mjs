import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'

const [simple, batched] = [new InMemorySpanExporter(), new InMemorySpanExporter()]
const spanProcessors = [new SimpleSpanProcessor(simple), new BatchSpanProcessor(batched)]
const provider = new NodeTracerProvider({ spanProcessors })
trace.disable()
context.disable()
provider.register()
const tracer = trace.getTracer('test')
await tracer.startActiveSpan('outer', async (outer) => {
  await new Promise((resolve) => setTimeout(resolve, 5))
  tracer.startActiveSpan('inner', (inner) => inner.setStatus({ code: SpanStatusCode.ERROR }).end())
  outer.setAttribute('a', 1).end()
})
await provider.forceFlush()
for (const exporter of [simple, batched]) {
  const spans = exporter.getFinishedSpans()
  console.log(spans.map(({ name, attributes, status }) => [name, attributes, status.code]))
  console.log(spans[0].parentSpanContext.spanId === spans[1].spanContext().spanId)
}
await provider.shutdown()
