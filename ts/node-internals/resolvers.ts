import { createRequire } from 'node:module'
import { expectFact, isObject } from './fact.js'
import { handleOf, symbolNamed } from './handles.js'

export type Method = (this: unknown, ...args: unknown[]) => unknown

/** Channel of c-ares, the handle of a resolver. `src/cares_wrap.cc`; Node 20 to 26. */
export interface Channel {
  getServers(): Array<[address: string, port: number]> | null
  setServers(servers: Array<[family: number, address: string, port: number]>): number
  setLocalAddress: Method
}

const { Resolver } = createRequire(import.meta.url)('node:dns') as typeof import('node:dns')

/**
Prototype of the base class of both resolvers, with callbacks and with promises: `ResolverBase`.

`lib/internal/dns/utils.js`; Node 20 to 26.
*/
export const resolverBase = Object.getPrototypeOf(Resolver.prototype) as Record<symbol, Method>

const key = symbolNamed(resolverBase, 'dns:resolver:initializeHandle')

/** Method that makes a resolver's channel from the resolver's options. Node's own, unless somebody has patched it. */
export const initializeChannel = key && resolverBase[key]

/** Replaces {@link initializeChannel}. */
export function replaceInitialize(by: Method): void {
  if (key) resolverBase[key] = by
}

/** Returns the channel of a resolver. */
export function channelOf(resolver: object): Channel {
  return handleOf(resolver) as unknown as Channel
}

/** Returns the prototype of all channels, with its methods by name; `undefined` if no channel can be found. */
export function methodsOfChannels(): Record<string, Method> | undefined {
  const channel: unknown = channelOf(new Resolver())
  return isObject(channel) ? (Object.getPrototypeOf(channel) as Record<string, Method>) : undefined
}

export function verifyResolvers(): void {
  const file = 'lib/internal/dns/utils.js'
  const isFound = () => typeof initializeChannel === 'function'
  expectFact('ResolverBase[dns:resolver:initializeHandle]', file, isFound)
  expectFact('resolver._handle', file, () => isObject(channelOf(new Resolver())))
  const channel = channelOf(new Resolver())
  for (const name of ['getServers', 'setServers', 'setLocalAddress'] as const) {
    expectFact(`channel.${name}`, 'src/cares_wrap.cc', () => typeof channel[name] === 'function')
  }
}
