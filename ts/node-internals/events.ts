import { EventEmitter } from 'node:events'
import { expectFact } from './fact.js'

/** Listeners of an emitter by event, and the number of such events. `lib/events.js`; Node 20 to 26. */
interface Internals {
  _events?: Record<string | symbol, unknown>
  _eventsCount: number
}

/**
Removes all listeners of an event without emitting `removeListener`.

@returns `false` if there are none.
*/
export function forgetListeners(emitter: EventEmitter, event: string | symbol): boolean {
  const internals = emitter as unknown as Internals
  const { _events: events } = internals
  if (events?.[event] === undefined) return false
  delete events[event]
  internals._eventsCount--
  return true
}

export function verifyEvents(): void {
  const emitter = new EventEmitter()
  const internals = emitter as unknown as Internals
  emitter.on('qclone', () => {})
  // Not the listener itself: where others wrap `on`, as zone.js does, the list has a wrapper of it.
  expectFact('emitter._events', 'lib/events.js', () => internals._events?.qclone !== undefined)
  expectFact('emitter._eventsCount', 'lib/events.js', () => internals._eventsCount === 1)
}
