import { process } from '../node-internals/process.js'
import { calledInClones } from './precompile.js'

/** Reading of the CPU time, in microseconds. */
type CpuUsage = NodeJS.CpuUsage

/** Resources that a process has used so far, as reported by Node's own functions. */
export interface Usage {
  resources: NodeJS.ResourceUsage
  /** CPU time of the main thread; `undefined` in a Node without `process.threadCpuUsage`. */
  thread: CpuUsage | undefined
}

const ofProcess = process as unknown as Record<string, unknown>
const { cpuUsage, resourceUsage } = process
const threadCpuUsage = ofProcess.threadCpuUsage as typeof cpuUsage | undefined

/** Resources that all ancestors of this clone had used at its fork; `undefined` in a process that is not a clone. */
let before: Usage | undefined

/** In the parent, right before a fork: returns the counters from which the clone continues. */
export function surveyUsage(): Usage {
  return { resources: allResources(), thread: threadCpuUsage && allOfThread() }
}

/**
In a clone: makes the counters continue from the parent's. The kernel counts from 0 for a new process, and a meter that
took a reading before the fork would see time go backwards. A function that somebody has replaced is left alone.
*/
export function goOnCounting(from: Usage): void {
  before = from
  for (const [name, ofNode, substitute] of SUBSTITUTES) {
    if (ofNode && ofProcess[name] === ofNode) Reflect.set(process, name, substitute)
  }
}

function allResources(): NodeJS.ResourceUsage {
  const own = resourceUsage()
  if (!before) return own
  const all = { ...own }
  for (const name of Object.keys(own) as Array<keyof NodeJS.ResourceUsage>)
    all[name] += before.resources[name]
  // A maximum rather than a counter.
  all.maxRSS = Math.max(own.maxRSS, before.resources.maxRSS)
  return all
}

function allCpu(previous?: CpuUsage): CpuUsage {
  const { userCPUTime: user = 0, systemCPUTime: system = 0 } = before?.resources ?? {}
  return since(cpuUsage, { user, system }, previous)
}

function allOfThread(previous?: CpuUsage): CpuUsage {
  return since(threadCpuUsage as typeof cpuUsage, before?.thread ?? { user: 0, system: 0 }, previous)
}

function since(ofNode: typeof cpuUsage, base: CpuUsage, previous?: CpuUsage): CpuUsage {
  const own = ofNode()
  const all = { user: own.user + base.user, system: own.system + base.system }
  if (!previous) return all
  // Node's function throws if `previous` is not a reading.
  ofNode(previous)
  return { user: all.user - previous.user, system: all.system - previous.system }
}

const SUBSTITUTES = [
  ['cpuUsage', cpuUsage, allCpu],
  ['resourceUsage', resourceUsage, allResources],
  ['threadCpuUsage', threadCpuUsage, allOfThread],
] as const

calledInClones(goOnCounting)
