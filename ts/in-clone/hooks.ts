import { calledInClones } from './precompile.js'

/** Parts of the parent's state that a clone drops, in order. */
const PHASES = ['pending forks', 'clones', 'places', 'clients'] as const

type Phase = (typeof PHASES)[number]

const hooks: Record<Phase, Array<() => void>> = { 'pending forks': [], clones: [], places: [], clients: [] }

/** Registers a function that drops state of the parent in each clone, before any user code runs there. */
export function onBecomingClone(phase: Phase, forget: () => void): void {
  calledInClones(forget)
  hooks[phase].push(forget)
}

/** In a clone: calls the hooks, phase by phase. */
export function forgetParent(): void {
  for (const phase of PHASES) for (const forget of hooks[phase]) forget()
}

calledInClones(forgetParent)
