import type { ServerResponse } from 'node:http'
import { calledInClones } from '../../in-clone/precompile.js'
import { define, restoreOwn } from '../../node-internals/define.js'

/** Functions that restore the replaced properties of responses that belong to clones. */
const handedOver = new WeakMap<ServerResponse, () => void>()

/** Methods that write to a response. Libraries replace some of them on the response itself, especially `writeHead`. */
const WRITING = [
  'end',
  'flushHeaders',
  'write',
  'writeContinue',
  'writeEarlyHints',
  'writeHead',
  'writeInformation',
  'writeProcessing',
] as const

/** Properties that frameworks check before they write their own response. */
const SEEN_TO = ['headersSent', 'writableEnded'] as const

/** Whether a response belongs to a clone, so that this process must not write to it. */
export function isHandedOver(response: ServerResponse): boolean {
  return handedOver.has(response)
}

/** Makes writes to a response throw in this process, until {@link takeBack}. */
export function handOver(response: ServerResponse): void {
  const refuse = () => {
    throw new TypeError(
      'Expected no write to the response after `offload`: a clone answers it. Return, or await `offload`',
    )
  }
  const own = [...WRITING, ...SEEN_TO].map(
    (name) => [name, Object.getOwnPropertyDescriptor(response, name)] as const,
  )
  for (const name of WRITING) {
    define(response, name, { value: refuse, configurable: true, writable: true })
  }
  for (const name of SEEN_TO) define(response, name, { value: true, configurable: true })
  handedOver.set(response, () => {
    for (const [name, descriptor] of own) restoreOwn(response, name, descriptor)
  })
}

/** Undoes {@link handOver}. @returns false if there was nothing to undo. */
export function takeBack(response: ServerResponse): boolean {
  handedOver.get(response)?.()
  return handedOver.delete(response)
}

calledInClones(takeBack, restoreOwn)
