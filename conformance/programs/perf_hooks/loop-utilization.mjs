import { performance } from 'node:perf_hooks'

const before = performance.eventLoopUtilization()
const wait = setInterval(() => {
  const { idle, active, utilization } = performance.eventLoopUtilization(before)
  if (idle === 0) return
  console.log(active >= 0, utilization >= 0 && utilization < 1)
  clearInterval(wait)
}, 5)
