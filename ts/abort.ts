/** Who waits for a signal, and the one listener that they share. */
interface Waiting {
  acts: Set<() => void>
  listener: () => void
}

const waiting = new WeakMap<AbortSignal, Waiting>()

/**
Calls `act` when `signal` is aborted. All that wait for a signal share one listener, since Node warns of a leak when there
are more than ten, and a signal may be that of many calls.

@returns a function that gives it up.
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
