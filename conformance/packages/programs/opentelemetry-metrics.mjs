import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const readers = [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })]
const provider = new MeterProvider({ readers })
const meter = provider.getMeter('test')
meter.createCounter('c').add(5, { way: 'a' })
meter.createHistogram('h').record(3)
meter.createObservableGauge('g').addCallback((result) => result.observe(7))
await provider.forceFlush()
const [{ scopeMetrics }] = exporter.getMetrics()
console.log(
  scopeMetrics[0].metrics
    .map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints[0].value.count ?? dataPoints[0].value])
    .sort(),
)
await provider.shutdown()
