import { onBecomingClone } from '../in-clone/hooks.js'
import { native } from '../native.js'
import { process } from '../node-internals/process.js'

/**
V8's flag for collecting young objects ("scavenges") with several threads at a time.

When a process writes to a page that it shares with a clone, the kernel copies the page, and on x64 interrupts every
other CPU that runs a thread of the process (`flush_tlb_mm_range` in `arch/x86/mm/tlb.c`). Collecting threads keep
interrupting each other: two took 1,300 ms for work that one does in 300. V8 reads the flag at each collection
(`NumberOfScavengeTasks` in `src/heap/scavenger.cc`).
*/
const PARALLEL_SCAVENGE = 'parallel-scavenge'

/** Arm64 notifies other CPUs without an interrupt. */
const INTERRUPTS = process.arch === 'x64'

let isInherited = false

/** Makes V8 collect young objects with one thread. Called before each fork, so that the clone does the same. */
export function scavengeAlone(): void {
  if (INTERRUPTS) native().unsetQuietly(PARALLEL_SCAVENGE)
}

/** Lets V8 collect with several threads again, once no clone shares memory. No effect in a clone: its parent does. */
export function scavengeInParallel(): void {
  if (INTERRUPTS && !isInherited) native().restoreFlag(PARALLEL_SCAVENGE)
}

onBecomingClone('clones', () => {
  isInherited = true
})
