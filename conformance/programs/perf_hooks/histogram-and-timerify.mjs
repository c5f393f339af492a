import { createHistogram, PerformanceObserver, performance } from 'node:perf_hooks'

const histogram = createHistogram()
for (const n of [1, 5, 5, 9]) histogram.record(n)
console.log(histogram.min, histogram.max, histogram.mean, histogram.count, histogram.percentile(50))
const add = performance.timerify(function add(a, b) {
  return a + b
})
const observer = new PerformanceObserver((list) => {
  console.log(list.getEntries().map(({ name, entryType }) => `${entryType} ${name}`))
  observer.disconnect()
})
observer.observe({ entryTypes: ['function'] })
console.log(add(2, 3))
