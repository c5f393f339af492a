import type * as Inspector from 'node:inspector'
import { createRequire } from 'node:module'
import { QcloneError } from '../errors.js'

/** A timer or immediate, as node links them. */
interface Linked {
  _idleNext: Linked | null
}

/** Node's lists of timers, by duration: rings that the list itself is part of. */
type TimerLists = Record<string, Linked>

interface ImmediateQueue {
  head: Linked | null
}

interface Internals {
  timerListMap: TimerLists
  immediateQueue: ImmediateQueue
}

let internals: Internals | undefined

/**
Finds node's lists of timers and immediates, which no API gives: they are variables in the scope of
`setTimeout`, and the inspector of this very process can say what those hold. Done once, in the parent, before
the first fork that needs it.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` when they cannot be found, as in a node built without inspector.
*/
export function findTimers(): void {
  internals ??= readScope(setTimeout, ['timerListMap', 'immediateQueue']) as unknown as Internals
}

/**
Clears the parent's timers.

Node's own stay: the one that resets the cached HTTP date and the clock of undici run no code of the parent's,
and their modules would wait for them in vain.
*/
export function dropTimers(): void {
  const { timerListMap } = found()
  for (const linked of Object.values(timerListMap).flatMap(ringOf)) {
    const timer = linked as unknown as NodeJS.Timeout
    if (!isOfNode(timer)) clearTimeout(timer)
  }
}

/** Clears the parent's immediates: those queued, and those behind `current`, which is running. */
export function dropImmediates(current: NodeJS.Immediate): void {
  const { immediateQueue } = found()
  const behind = (current as unknown as Linked)._idleNext
  for (const immediate of [...chainFrom(behind), ...chainFrom(immediateQueue.head)]) {
    clearImmediate(immediate as unknown as NodeJS.Immediate)
  }
}

function isOfNode(timer: NodeJS.Timeout): boolean {
  const { name } = timer._onTimeout
  return !timer.hasRef() && OF_NODE.includes(name)
}

/** Functions of node's timers, in lib/internal/http.js and in undici's lib/util/timers.js. */
const OF_NODE = ['resetCache', 'onTick']

function ringOf(list: Linked): Linked[] {
  const timers: Linked[] = []
  for (let timer = list._idleNext; timer && timer !== list; timer = timer._idleNext) timers.push(timer)
  return timers
}

function chainFrom(first: Linked | null): Linked[] {
  const chain: Linked[] = []
  for (let item = first; item; item = item._idleNext) chain.push(item)
  return chain
}

function found(): Internals {
  if (!internals) throw new Error('findTimers has not been called')
  return internals
}

/** The values of variables that `f` closes over. */
function readScope(f: (...args: never[]) => unknown, names: readonly string[]): Record<string, unknown> {
  const session = connect()
  const exchange: { f?: unknown; take?: (name: string, value: unknown) => void } = { f }
  const key = Symbol.for('qclone.exchange')
  const found: Record<string, unknown> = {}
  exchange.take = (name, value) => {
    found[name] = value
  }
  Object.defineProperty(globalThis, key, { value: exchange, configurable: true })
  try {
    // Within one thread, answers come before `post` returns.
    const post = <T>(method: string, params: object): T => {
      let answer: T | undefined
      session.post(method, params, (error, result) => {
        if (error) throw error
        answer = result as T
      })
      return answer as T
    }
    const properties = (objectId: string) =>
      post<Properties>('Runtime.getProperties', { objectId, ownProperties: true })
    const expression = `globalThis[Symbol.for('qclone.exchange')].f`
    const { result } = post<{ result: RemoteObject }>('Runtime.evaluate', { expression })
    const scopes = properties(result.objectId ?? '').internalProperties?.find(
      ({ name }) => name === '[[Scopes]]',
    )
    for (const scope of properties(scopes?.value?.objectId ?? '').result) {
      if (!scope.value?.description?.startsWith('Closure')) continue
      for (const { name, value } of properties(scope.value.objectId ?? '').result) {
        if (!names.includes(name) || !value?.objectId) continue
        post('Runtime.callFunctionOn', {
          objectId: value.objectId,
          functionDeclaration: `function (name) { globalThis[Symbol.for('qclone.exchange')].take(name, this) }`,
          arguments: [{ value: name }],
        })
      }
    }
  } catch (cause) {
    throw unsupported({ cause })
  } finally {
    delete (globalThis as Record<symbol, unknown>)[key]
    session.disconnect()
  }
  if (!names.every((name) => name in found)) throw unsupported({})
  return found
}

function connect(): Inspector.Session {
  try {
    // Not an import: a node built without the inspector has no such module.
    const { Session } = createRequire(import.meta.url)('node:inspector') as typeof Inspector
    const session = new Session()
    session.connect()
    return session
  } catch (cause) {
    throw unsupported({ cause })
  }
}

interface RemoteObject {
  objectId?: string
  description?: string
}

interface Properties {
  result: Array<{ name: string; value?: RemoteObject }>
  internalProperties?: Array<{ name: string; value?: RemoteObject }>
}

function unsupported(details: { cause?: unknown }): QcloneError {
  const message =
    "this node does not show its timers (is it built without the inspector?), so that the parent's would run in a clone: only `spawn` works"
  return new QcloneError('ERR_QCLONE_UNSUPPORTED', message, details)
}
