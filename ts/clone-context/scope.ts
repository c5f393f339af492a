import type * as Inspector from 'node:inspector'
import { createRequire } from 'node:module'
import type { Callable } from './ahead.js'

/**
The values of variables that `f` closes over, which no API gives: the inspector of this very process can say.

@throws {Error} when there is no inspector in this node, or no such variable that holds an object.
*/
export function readScope(f: Callable, names: readonly string[]): Record<string, unknown> {
  const found = variablesOf(f, (name) => names.includes(name))
  const missing = names.find((name) => !found.has(name))
  if (missing) throw new Error(`${f.name} has no ${missing}`)
  return Object.fromEntries(found)
}

/**
The variables that `f` closes over, as far as they hold objects and `isWanted`. Of variables with the same name, the
innermost.

@throws {Error} when there is no inspector in this node.
*/
export function variablesOf(
  f: Callable,
  isWanted: (name: string) => boolean = () => true,
): Map<string, unknown> {
  const session = connect()
  const exchange: { f?: unknown; take?: (name: string, value: unknown) => void } = { f }
  const key = Symbol.for('qclone.exchange')
  const found = new Map<string, unknown>()
  exchange.take = (name, value) => {
    if (!found.has(name)) found.set(name, value)
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
      if (!IN_FILES.test(scope.value?.description ?? '')) continue
      for (const { name, value } of properties(scope.value?.objectId ?? '').result) {
        if (!isWanted(name) || !value?.objectId) continue
        post('Runtime.callFunctionOn', {
          objectId: value.objectId,
          functionDeclaration: `function (name) { globalThis[Symbol.for('qclone.exchange')].take(name, this) }`,
          arguments: [{ value: name }],
        })
      }
    }
  } finally {
    delete (globalThis as Record<symbol, unknown>)[key]
    session.disconnect()
  }
  return found
}

/** Scopes of functions, and of files of ECMAScript modules. */
const IN_FILES = /^(Closure|Module)/

function connect(): Inspector.Session {
  // Not an import: a node built without the inspector has no such module.
  const { Session } = createRequire(import.meta.url)('node:inspector') as typeof Inspector
  const session = new Session()
  session.connect()
  return session
}

interface RemoteObject {
  objectId?: string
  description?: string
}

interface Properties {
  result: Array<{ name: string; value?: RemoteObject }>
  internalProperties?: Array<{ name: string; value?: RemoteObject }>
}
