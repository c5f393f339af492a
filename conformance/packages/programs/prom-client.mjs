import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const register = new Registry()
collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 5 })
const counter = new Counter({ name: 'c_total', help: 'c', labelNames: ['way'], registers: [register] })
counter.inc({ way: 'a' }, 2)
counter.labels('b').inc()
new Gauge({
  name: 'g',
  help: 'g',
  registers: [register],
  collect() {
    this.set(7)
  },
})
const histogram = new Histogram({ name: 'h', help: 'h', buckets: [1, 2], registers: [register] })
for (const value of [0.5, 1.5, 3]) histogram.observe(value)
// Twice: rates are from the reading before.
for (let i = 0; i < 2; i++) {
  const text = await register.metrics()
  console.log(text.split('\n').filter((line) => /^(c_total|g|h_)/.test(line)))
}
const { values } = await register.getSingleMetric('process_cpu_seconds_total').get()
console.log(values.length, values[0].value >= 0)
register.clear()
