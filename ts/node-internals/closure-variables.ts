import type * as Inspector from 'node:inspector'
import { createRequire } from 'node:module'
import type { Callable } from '../types/callable.js'
import { define } from './define.js'
import { mainGlobal } from './process.js'

/**
Returns the values of variables that `f` closes over. No API exposes them, except the inspector of this process.

@throws {Error} if this Node has no inspector, or a variable is missing or holds no object.
*/
export function readScope(f: Callable, names: readonly string[]): Record<string, unknown> {
  const found = variablesOf(f, (name) => names.includes(name))
  const missing = names.find((name) => !found.has(name))
  if (missing) throw new Error(`${f.name} has no ${missing}`)
  return Object.fromEntries(found)
}

/**
Returns the variables that `f` closes over, if they hold objects and satisfy `isWanted`. If several have the same name,
returns the innermost.

@throws {Error} if this Node has no inspector.
*/
export function variablesOf(
  f: Callable,
  isWanted: (name: string) => boolean = () => true,
): Map<string, unknown> {
  return lookInto(f, (properties, { objectId }) => {
    const { internalProperties = [] } = properties(objectId)
    const scopes = internalProperties.find(({ name }) => name === '[[Scopes]]')?.value
    return properties(scopes?.objectId)
      .result.filter(({ value }) => IN_FILES.test(value?.description ?? ''))
      .flatMap(({ value }) => properties(value?.objectId).result)
      .filter(({ name }) => isWanted(name))
  })
}

/** Descriptions of scopes of functions and of ECMAScript modules. */
const IN_FILES = /^(Closure|Module)/

/**
Returns the values of an object's private fields that are objects.

@throws {Error} if this Node has no inspector.
*/
export function privateFieldsOf(object: object): unknown[] {
  const fields = lookInto(object, (properties, { objectId }) => properties(objectId).privateProperties ?? [])
  return [...fields.values()]
}

/** Reads properties of `subject` with the inspector, and returns the first value of each name. */
function lookInto(
  subject: unknown,
  choose: (properties: (objectId?: string) => Properties, subject: RemoteObject) => Property[],
): Map<string, unknown> {
  const session = connect()
  const found = new Map<string, unknown>()
  const take = (name: string, value: unknown) => {
    if (!found.has(name)) found.set(name, value)
  }
  const key = Symbol.for('qclone.exchange')
  define(mainGlobal, key, { value: { subject, take }, configurable: true })
  try {
    // Within one thread, the inspector answers before `post` returns.
    const post = <T>(method: string, params: object): T => {
      let answer: T | undefined
      session.post(method, params, (error, result) => {
        if (error) throw error
        answer = result as T
      })
      return answer as T
    }
    const properties = (objectId = '') =>
      post<Properties>('Runtime.getProperties', { objectId, ownProperties: true })
    const expression = `globalThis[Symbol.for('qclone.exchange')].subject`
    const { result } = post<{ result: RemoteObject }>('Runtime.evaluate', { expression })
    for (const { name, value } of choose(properties, result)) {
      if (!value?.objectId) continue
      post('Runtime.callFunctionOn', {
        objectId: value.objectId,
        functionDeclaration: `function (name) { globalThis[Symbol.for('qclone.exchange')].take(name, this) }`,
        arguments: [{ value: name }],
      })
    }
  } finally {
    delete (mainGlobal as Record<symbol, unknown>)[key]
    session.disconnect()
  }
  return found
}

function connect(): Inspector.Session {
  // Not an import: a Node built without the inspector has no such module.
  const { Session } = createRequire(import.meta.url)('node:inspector') as typeof Inspector
  const session = new Session()
  session.connect()
  return session
}

interface RemoteObject {
  objectId?: string
  description?: string
}

interface Property {
  name: string
  value?: RemoteObject
}

interface Properties {
  result: Property[]
  internalProperties?: Property[]
  privateProperties?: Property[]
}
