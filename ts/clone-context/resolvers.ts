import { createRequire } from 'node:module'
import { isIP } from 'node:net'
import { onceInAllCopies } from '../copies.js'
import { calledInClones } from './ahead.js'

type Method = (this: unknown, ...args: unknown[]) => unknown

/** A channel of c-ares (`ChannelWrap` in Node's `src/cares_wrap.cc`). Each resolver has one. */
interface Channel {
  getServers(): Array<[address: string, port: number]> | null
  setServers(servers: Array<[family: number, address: string, port: number]>): number
  setLocalAddress: Method
}

/** Node's `ResolverBase`. */
interface Resolver {
  _handle: Channel
}

/** How a channel was made. */
interface Making {
  /** By which process: forks from the first one to it. */
  generation: number
  /** What `initialize` was called with. */
  options: unknown[]
  localAddress?: unknown[]
}

const makings = new WeakMap<Channel, Making>()
/** This process's channels for those of its parents. */
let replacements = new WeakMap<Channel, Channel>()
let generation = 0

const { Resolver } = createRequire(import.meta.url)('node:dns') as typeof import('node:dns')
const base = Object.getPrototypeOf(Resolver.prototype) as Record<symbol, Method>
/** The method that makes a resolver's channel. */
const key = Object.getOwnPropertySymbols(base).find(
  ({ description }) => description === 'dns:resolver:initializeHandle',
)
const initialize = key && base[key]

let getServers: Channel['getServers']

if (key && initialize) {
  onceInAllCopies(base, 'qclone.resolvers', () => {
    // A channel does not tell its options, so they are noted from now on.
    base[key] = function (this: Resolver, ...options) {
      initialize.apply(this, options)
      makings.set(this._handle, { generation, options })
    } as Method
    takeOver(Object.getPrototypeOf((new Resolver() as unknown as Resolver)._handle))
  })
}

/**
Has each channel know, when it is used, whether it is of this process.

A channel of the parent's draws the ids of its queries from random bytes that are in memory already: all clones would
use the same ids, which must be hard to guess. It also has the parent's queries under way, and would send them again. So
what is asked of it goes to a channel like it.
*/
function takeOver(methods: Record<string, Method>): void {
  getServers = methods.getServers as Channel['getServers']
  for (const name of Object.getOwnPropertyNames(methods)) {
    const ofNode = methods[name] as Method
    if (name === 'constructor') continue
    methods[name] = function (this: Channel, ...args) {
      const channel = ownFor(this)
      if (name === 'setLocalAddress') makings.set(channel, { ...makingOf(channel), localAddress: args })
      return ofNode.apply(channel, args)
    } as Method
  }
}

/** In a clone: no channel that there is so far is its own. */
export function freshResolvers(): void {
  generation++
  replacements = new WeakMap()
}

/** The channel of this process that does what `channel` is asked: most often `channel`. */
function ownFor(channel: Channel): Channel {
  if (makingOf(channel).generation === generation) return channel
  let own = replacements.get(channel)
  if (!own) {
    own = another(channel)
    replacements.set(channel, own)
  }
  return own
}

/** A resolver that was made before this module was loaded is taken for one with Node's defaults. */
function makingOf(channel: Channel): Making {
  return makings.get(channel) ?? { generation: 0, options: [-1, 4, 0].slice(0, initialize?.length) }
}

/** A channel with the options of `channel`, and nothing else of it. */
function another(channel: Channel): Channel {
  const { options, localAddress } = makingOf(channel)
  const holder = {} as Resolver
  initialize?.apply(holder, options)
  const own = holder._handle
  makings.set(own, { generation, options })
  const servers = getServers.call(channel) ?? []
  // One whose servers have been set no longer follows the system's.
  if (JSON.stringify(servers) !== JSON.stringify(own.getServers() ?? [])) {
    own.setServers(servers.map(([address, port]) => [isIP(address), address, port]))
  }
  if (localAddress) own.setLocalAddress(...localAddress)
  return own
}

calledInClones(freshResolvers)
