import { process } from '../node.js'
import { calledInClones } from './ahead.js'

/** A reading of the CPU time, in microseconds. */
type CpuUsage = NodeJS.CpuUsage

/** What a process has used so far, by Node's own functions. */
export interface Usage {
  resources: NodeJS.ResourceUsage
  /** Of the main thread; undefined in a Node without `process.threadCpuUsage`. */
  thread: CpuUsage | undefined
}

const ofProcess = process as unknown as Record<string, unknown>
const { cpuUsage, resourceUsage } = process
const threadCpuUsage = ofProcess.threadCpuUsage as typeof cpuUsage | undefined

/** What the parents of this clone had used at the fork, all in all; undefined in a process that is no clone. */
let before: Usage | undefined

/** In the parent, right before a fork: what the clone goes on from. */
export function surveyUsage(): Usage {
  return { resources: allResources(), thread: threadCpuUsage && allOfThread() }
}

/**
In a clone: the kernel counts from 0 for a new process, and a meter that took a reading before the fork would see
time go backwards. So the counters go on from the parent's. A function that somebody has replaced is left alone.
*/
export function goOnCounting(from: Usage): void {
  before = from
  for (const [name, ofNode, substitute] of SUBSTITUTES) {
    if (ofNode && ofProcess[name] === ofNode) ofProcess[name] = substitute
  }
}

function allResources(): NodeJS.ResourceUsage {
  const own = resourceUsage()
  if (!before) return own
  const all = { ...own }
  for (const name of Object.keys(own) as Array<keyof NodeJS.ResourceUsage>)
    all[name] += before.resources[name]
  // No counter, but the highest value so far.
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
  // It throws when this is no reading.
  ofNode(previous)
  return { user: all.user - previous.user, system: all.system - previous.system }
}

const SUBSTITUTES = [
  ['cpuUsage', cpuUsage, allCpu],
  ['resourceUsage', resourceUsage, allResources],
  ['threadCpuUsage', threadCpuUsage, allOfThread],
] as const

calledInClones(goOnCounting)
