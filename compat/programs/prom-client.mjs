// package: prom-client
// parent: counts, and shows all metrics
// clone: does so too
import assert from 'node:assert/strict'
import prom from 'prom-client'

prom.collectDefaultMetrics()
const counter = new prom.Counter({ name: 'uses', help: 'uses' })
const histogram = new prom.Histogram({ name: 'seconds', help: 'seconds' })

export async function use() {
  const end = histogram.startTimer()
  counter.inc()
  const text = await prom.register.metrics()
  assert.match(text, /^uses [1-9]\d*$/m)
  assert.match(text, /^process_cpu_seconds_total [\d.]+$/m)
  end()
}
export const inClone = use
