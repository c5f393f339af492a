import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

const hr = process.hrtime.bigint()
const begun = performance.now()
const histogram = monitorEventLoopDelay({ resolution: 2 })
histogram.enable()
setTimeout(() => {
  const ms = performance.now() - begun
  console.log(ms >= 9, Number(process.hrtime.bigint() - hr) / 1e6 >= ms)
  console.log(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 1000)
  const wait = setInterval(() => {
    if (histogram.count === 0) return
    console.log(histogram.min > 0, histogram.max >= histogram.min)
    histogram.disable()
    clearInterval(wait)
  }, 5)
}, 10)
