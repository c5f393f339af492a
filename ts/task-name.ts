import { calledInClones } from './clone-context/ahead.js'

/** What a task is known by. */
export interface Named {
  /** By what it was begun. */
  readonly event: string
  /** The option `name`, or the name of its function, which may have none. */
  readonly name: string
}

/** `error`, with the task in front of its message. */
export function inTask<E extends Error>(error: E, task: Named): E {
  const { event, name } = task
  const prefix = `${name ? `${event} ${name}` : event}: `
  const { message, stack } = error
  if (message.startsWith(prefix)) return error
  error.message = prefix + message
  // It begins with the message, if anything was thrown where stacks are kept.
  if (stack) error.stack = stack.replace(message, () => error.message)
  return error
}

let current: Named | undefined

/** In a clone: says which task it is for. */
export function enterTask(task: Named): void {
  current = task
}

/** `error`, with the task that this process is a clone for, if it is one, in front of its message. */
export function inThisTask<E extends Error>(error: E): E {
  return current ? inTask(error, current) : error
}

calledInClones(enterTask)
