/** Returns the CPU time in milliseconds that `work` takes this process. What else runs on the machine does not count. */
export function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** Returns the least that `work` takes in five runs, by {@link cpuMs}. */
export function leastCpuMs(work: () => void): number {
  return Math.min(...Array.from({ length: 5 }, () => cpuMs(work)))
}
