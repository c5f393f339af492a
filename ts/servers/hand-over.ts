import type { ServerResponse } from 'node:http'
import { calledInClones } from '../clone-context/ahead.js'

/** Gives the properties of a response back that are replaced while it is a clone's. */
const handedOver = new WeakMap<ServerResponse, () => void>()

/** Methods that write to a response. Libraries replace some on a response itself, `writeHead` above all. */
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

/** Properties that frameworks check before they answer by themselves. */
const SEEN_TO = ['headersSent', 'writableEnded'] as const

/** Whether a clone answers by this response, so that this process must not. */
export function isHandedOver(response: ServerResponse): boolean {
  return handedOver.has(response)
}

/** Makes this process unable to answer by a response, until {@link takeBack}. */
export function handOver(response: ServerResponse): void {
  const refuse = () => {
    throw new TypeError(
      'Expected the response to be left alone after `offload`, as a clone answers it: return, or await `offload`',
    )
  }
  const own = [...WRITING, ...SEEN_TO].map(
    (name) => [name, Object.getOwnPropertyDescriptor(response, name)] as const,
  )
  for (const name of WRITING) {
    Object.defineProperty(response, name, { value: refuse, configurable: true, writable: true })
  }
  for (const name of SEEN_TO) Object.defineProperty(response, name, { value: true, configurable: true })
  handedOver.set(response, () => {
    for (const [name, descriptor] of own) {
      if (descriptor) Object.defineProperty(response, name, descriptor)
      else Reflect.deleteProperty(response, name)
    }
  })
}

/** Makes a response as it was before {@link handOver}. @returns false when it already is. */
export function takeBack(response: ServerResponse): boolean {
  handedOver.get(response)?.()
  return handedOver.delete(response)
}

calledInClones(takeBack)
