import { clearImmediate, clearTimeout, setTimeout } from '../node-internals/clock.js'
import * as lists from '../node-internals/timers.js'
import { findCaptures } from './error-captures.js'
import { hold } from './hold.js'
import { calledInClones } from './precompile.js'

/** Methods of timers. They also work for timers of `timers.enroll`, which have no methods. */
type Methods = Pick<NodeJS.Timeout, 'hasRef' | 'ref' | 'unref'>

let methods: Methods | undefined

/**
Finds Node's lists of timers and immediates. Called once in the parent, before the first fork that needs it.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if they cannot be found, as in a Node built without the inspector.
*/
export function findTimers(): void {
  if (methods) return
  lists.findTimerLists()
  findCaptures()
  const timer = setTimeout(() => {})
  clearTimeout(timer)
  methods = Object.getPrototypeOf(timer) as Methods
  calledInClones(...lists.methodsOfTimerLists(), methods.hasRef, methods.ref, methods.unref)
}

/**
Stops the parent's timers. Each is left as if it had fired, so that `refresh()` starts it again and clearing it does
nothing.

They stay linked in their lists, which Node no longer references, and are held with everything they reference.
*/
export function dropTimers(): void {
  for (const list of lists.takeTimerLists()) {
    for (const timer of lists.timersIn(list)) stop(timer)
    hold(list)
  }
}

/** Leaves a timer as if it had fired: in that state `ref` does not keep the event loop alive. */
function stop(timer: lists.Timer): void {
  const { hasRef, ref, unref } = methods as Methods
  const hadRef = hasRef.call(timer as never)
  if (hadRef) unref.call(timer as never)
  lists.markFired(timer)
  if (hadRef) ref.call(timer as never)
}

/** Clears the parent's immediates: those queued, and those behind the running immediate `current`. */
export function dropImmediates(current: NodeJS.Immediate): void {
  for (const immediate of lists.immediatesBehind(current)) {
    // A copy, since clearing removes the function and its arguments.
    hold({ ...immediate })
    clearImmediate(immediate)
  }
}

calledInClones(clearImmediate, dropTimers, stop, dropImmediates, ...lists.CALLED_IN_CLONES)
