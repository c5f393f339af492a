import { AggregatorRegistry, Counter, Registry } from 'prom-client'
import { handlers, run } from '../../../../dist/index.js'

const register = new Registry()
const counter = new Counter({ name: 'jobs_total', help: 'Jobs.', registers: [register] })
const undo = handlers.inClone.shim((prev, kind) => {
  // What the parent has counted is the parent's to tell.
  register.resetMetrics()
  prev(kind)
})
counter.inc(5)
// What a clone counts ends with it, unless it tells.
const ofClones = await Promise.all(
  [1, 2].map((jobs) =>
    run(async () => {
      counter.inc(jobs)
      return register.getMetricsAsJSON()
    }),
  ),
)
const all = AggregatorRegistry.aggregate([await register.getMetricsAsJSON(), ...ofClones])
console.log(await all.metrics())
undo()
