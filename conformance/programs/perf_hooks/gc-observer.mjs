import { PerformanceObserver } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')
const observer = new PerformanceObserver((list) => {
  const [{ entryType, name, duration }] = list.getEntries()
  console.log(entryType, name, duration > 0)
  observer.disconnect()
  clearInterval(wait)
})
observer.observe({ entryTypes: ['gc'] })
const wait = setInterval(() => gc(), 5)
