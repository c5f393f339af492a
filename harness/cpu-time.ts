/** Returns the CPU time in milliseconds that `work` takes in this process. Other processes do not count. */
export function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** Returns the minimum of {@link cpuMs} over five runs of `work`. */
export function leastCpuMs(work: () => void): number {
  return Math.min(...Array.from({ length: 5 }, () => cpuMs(work)))
}
