import type { QcloneError } from '../types/errors.js'
import type { Visitor } from './pacing.js'

/** Call that waits for its turn. */
export interface Call {
  /** Client to be served; undefined for a task. */
  readonly client: Visitor | undefined
  /** @param started Function to be called once the clone has started. */
  readonly enter: (started: () => void) => void
  readonly reject: (error: QcloneError) => void
}

/** Number of calls that can overtake the first new client. */
const MOST_OVERTAKING = 3

/**
Calls that wait for a place.

Tasks and known clients come first, in order. While others wait, every fourth place goes to a new client. New clients
take turns by address, so an address with many connections delays itself more than others.
*/
export class Queue {
  readonly #first = new Set<Call>()
  /** New clients by address; the address whose turn is next comes first. */
  readonly #fresh = new Map<string, Set<Call>>()
  #freshCount = 0
  /** Number of calls that have overtaken the first new client. */
  #overtaking = 0

  get size(): number {
    return this.#first.size + this.#freshCount
  }

  /** Number of tasks and known clients. */
  get firstSize(): number {
    return this.#first.size
  }

  add(call: Call): void {
    const { client } = call
    if (client?.standing !== 'new') {
      this.#first.add(call)
      return
    }
    const others = this.#fresh.get(client.address)
    if (others) others.add(call)
    else this.#fresh.set(client.address, new Set([call]))
    this.#freshCount++
  }

  has(call: Call): boolean {
    return this.#first.has(call) || this.#fresh.get(call.client?.address ?? '')?.has(call) === true
  }

  delete(call: Call): void {
    if (this.#first.delete(call)) return
    const address = call.client?.address ?? ''
    const others = this.#fresh.get(address)
    if (!others?.delete(call)) return
    this.#freshCount--
    if (others.size === 0) this.#fresh.delete(address)
  }

  /** Removes and returns the next call, among those that may enter. */
  take(mayEnter: (call: Call) => boolean): Call | undefined {
    const head = headOf(this.#first)
    const first = head && mayEnter(head) ? head : undefined
    const fresh = this.#nextFresh(mayEnter)
    const call = fresh && this.#overtaking >= MOST_OVERTAKING ? fresh : (first ?? fresh)
    if (!call) return undefined
    this.delete(call)
    this.#overtaking = call === fresh || this.#freshCount === 0 ? 0 : this.#overtaking + 1
    if (call === fresh) this.#endTurn(call.client?.address ?? '')
    return call
  }

  /** Removes and returns all calls. */
  takeAll(): Call[] {
    const all = [...this.#first, ...[...this.#fresh.values()].flatMap((calls) => [...calls])]
    this.#first.clear()
    this.#fresh.clear()
    this.#freshCount = 0
    return all
  }

  #nextFresh(mayEnter: (call: Call) => boolean): Call | undefined {
    for (const calls of this.#fresh.values()) {
      const call = headOf(calls)
      if (call && mayEnter(call)) return call
    }
    return undefined
  }

  /** Puts an address behind the others. */
  #endTurn(address: string): void {
    const calls = this.#fresh.get(address)
    if (!calls) return
    this.#fresh.delete(address)
    this.#fresh.set(address, calls)
  }
}

function headOf(calls: ReadonlySet<Call>): Call | undefined {
  const [call] = calls
  return call
}
