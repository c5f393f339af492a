import { calledInClones } from './precompile.js'

/** Kind and name of a task. */
export interface Named {
  /** Function that started the task. */
  readonly kind: string
  /** Option `name`, or the name of the task's function; empty if that has none. */
  readonly name: string
}

/** Prefixes the message of `error` with the task, and returns `error`. */
export function inTask<E extends Error>(error: E, task: Named): E {
  const { kind, name } = task
  const prefix = `${name ? `${kind} ${name}` : kind}: `
  const { message, stack } = error
  if (message.startsWith(prefix)) return error
  error.message = prefix + message
  // There is no stack if stack traces are disabled.
  if (stack) error.stack = stack.replace(message, () => error.message)
  return error
}

let current: Named | undefined

/** In a clone: sets its task. */
export function enterTask(task: Named): void {
  current = task
}

/** If this is a clone, prefixes the message of `error` with its task. Returns `error`. */
export function inThisTask<E extends Error>(error: E): E {
  return current ? inTask(error, current) : error
}

calledInClones(enterTask)
