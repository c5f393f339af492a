/** Functions that wait for a signal, and the one listener they share. */
interface Waiting {
  acts: Set<() => void>
  listener: () => void
}

const waiting = new WeakMap<AbortSignal, Waiting>()

/**
Calls `act` when `signal` is aborted. All callers with the same signal share one listener: one signal can serve many
calls, and Node warns of a leak at more than ten listeners.

@returns a function that cancels this.
*/
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const { acts, listener } = waiting.get(signal) ?? listen(signal)
  acts.add(act)
  return () => {
    acts.delete(act)
    if (acts.size > 0 || waiting.get(signal)?.acts !== acts) return
    signal.removeEventListener('abort', listener)
    waiting.delete(signal)
  }
}

function listen(signal: AbortSignal): Waiting {
  const acts = new Set<() => void>()
  const listener = () => {
    for (const act of [...acts]) act()
  }
  const shared = { acts, listener }
  waiting.set(signal, shared)
  signal.addEventListener('abort', listener, { once: true })
  return shared
}
