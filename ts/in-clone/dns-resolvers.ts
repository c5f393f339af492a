import { isIP } from 'node:net'
import { onceInAllCopies } from '../copies/registry.js'
import {
  type Channel,
  channelOf,
  initializeChannel,
  type Method,
  methodsOfChannels,
  replaceInitialize,
  resolverBase,
} from '../node-internals/resolvers.js'
import { calledInClones } from './precompile.js'

/** Origin of a channel. */
interface Making {
  /** Process that made the channel, as the number of forks from the first process to it. */
  generation: number
  /** Arguments of `initialize`. */
  options: unknown[]
  localAddress?: unknown[]
}

const makings = new WeakMap<Channel, Making>()
/** Channels of this process, by the inherited channel that each replaces. */
let replacements = new WeakMap<Channel, Channel>()
let generation = 0

let getServers: Channel['getServers']

// `verifyInternals` refuses a Node without it before the first fork.
const initialize = initializeChannel
const methods = methodsOfChannels()

if (initialize && methods) {
  onceInAllCopies(resolverBase, 'qclone.resolvers', () => {
    // A channel does not expose its options, so they are recorded from now on.
    replaceInitialize(function (this: unknown, ...options) {
      initialize.apply(this, options)
      makings.set(channelOf(this as object), { generation, options })
    })
    takeOver(methods)
  })
}

/**
Makes each call on an inherited channel go to a new channel with the same options.

An inherited channel draws query ids from random bytes already in memory, so all clones would use the same ids, which
must be hard to guess. It also holds the parent's queries in progress, and would send them again.
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

/** In a clone: marks all existing channels as inherited. */
export function freshResolvers(): void {
  generation++
  replacements = new WeakMap()
}

/** Returns the channel of this process that replaces `channel`: most often `channel` itself. */
function ownFor(channel: Channel): Channel {
  if (makingOf(channel).generation === generation) return channel
  let own = replacements.get(channel)
  if (!own) {
    own = another(channel)
    replacements.set(channel, own)
  }
  return own
}

/** Returns the origin of a channel. A resolver made before this module was loaded is assumed to have Node's defaults. */
function makingOf(channel: Channel): Making {
  return makings.get(channel) ?? { generation: 0, options: [-1, 4, 0].slice(0, initialize?.length) }
}

/** Makes a channel with the options of `channel`. */
function another(channel: Channel): Channel {
  const { options, localAddress } = makingOf(channel)
  const holder = {}
  initialize?.apply(holder, options)
  const own = channelOf(holder)
  makings.set(own, { generation, options })
  const servers = getServers.call(channel) ?? []
  // Only if they differ: a channel whose servers have been set no longer follows the system's.
  if (JSON.stringify(servers) !== JSON.stringify(own.getServers() ?? [])) {
    own.setServers(servers.map(([address, port]) => [isIP(address), address, port]))
  }
  if (localAddress) own.setLocalAddress(...localAddress)
  return own
}

calledInClones(freshResolvers)
