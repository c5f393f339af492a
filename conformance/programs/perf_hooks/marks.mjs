import { PerformanceObserver, performance } from 'node:perf_hooks'

const observer = new PerformanceObserver((list) => {
  for (const { name, entryType, detail } of list.getEntries()) console.log(entryType, name, detail)
  observer.disconnect()
})
observer.observe({ entryTypes: ['mark', 'measure'] })
performance.mark('begin', { detail: 'here' })
performance.mark('end')
const { duration } = performance.measure('between', 'begin', 'end')
console.log(duration >= 0, performance.getEntriesByType('mark').length)
