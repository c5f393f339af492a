import { onBecomingClone } from '../in-clone/hooks.js'
import { native } from '../native.js'
import { process } from '../node-internals/process.js'

/**
V8's flag for collections of young objects ("scavenges") by several threads at a time.

When a process writes to a page that it shares with a clone, the kernel copies the page, and on x64 interrupts each other
CPU on which a thread of the process runs (`flush_tlb_mm_range` in `arch/x86/mm/tlb.c`). Several threads that collect
keep interrupting each other: two took 1,300 ms for what one does in 300. V8 reads the flag at each collection
(`NumberOfScavengeTasks` in `src/heap/scavenger.cc`).
*/
const PARALLEL_SCAVENGE = 'parallel-scavenge'

/** Arm64 tells other CPUs without an interrupt. */
const INTERRUPTS = process.arch === 'x64'

let isInherited = false

/** From now on, one thread collects young objects. Called before each fork, so that the clone does the same. */
export function scavengeAlone(): void {
  if (INTERRUPTS) native().unsetQuietly(PARALLEL_SCAVENGE)
}

/** Lets V8 collect by several threads again, once no clone shares memory. Without effect in a clone, whose parent does. */
export function scavengeInParallel(): void {
  if (INTERRUPTS && !isInherited) native().restoreFlag(PARALLEL_SCAVENGE)
}

onBecomingClone('clones', () => {
  isInherited = true
})
