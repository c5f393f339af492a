import type * as Inspector from 'node:inspector'
import { createRequire } from 'node:module'
import { mainGlobal } from '../node.js'

/**
The values of variables that `f` closes over, which no API gives: the inspector of this very process can say.

@throws {Error} when there is no inspector in this node, or no such variable that holds an object.
*/
export function readScope(
  f: (...args: never[]) => unknown,
  names: readonly string[],
): Record<string, unknown> {
  const session = connect()
  const exchange: { f?: unknown; take?: (name: string, value: unknown) => void } = { f }
  const key = Symbol.for('qclone.exchange')
  const found: Record<string, unknown> = {}
  exchange.take = (name, value) => {
    found[name] = value
  }
  Object.defineProperty(mainGlobal, key, { value: exchange, configurable: true })
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
  } finally {
    delete (mainGlobal as Record<symbol, unknown>)[key]
    session.disconnect()
  }
  const missing = names.find((name) => !(name in found))
  if (missing) throw new Error(`${f.name} has no ${missing}`)
  return found
}

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
