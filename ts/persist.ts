import { connect, type Server, type Socket } from 'node:net'
import { Channel } from './channel.js'
import type { Clone } from './children.js'
import { calledInClones } from './clone-context/ahead.js'
import { onSilentWrite } from './clone-context/connections.js'
import { leave, leaveByError, onUncaught, STATUS_OF_ERROR } from './clone-context/leave.js'
import { type EndOptions, expectEndOptions, killAfter } from './guard.js'
import { persistInline } from './inline.js'
import { diedBefore, type Ends, type Launched, launch, prepare } from './launch.js'
import { process } from './node.js'
import { type DetachableOptions, expectDetachableOptions } from './options.js'
import { leaveWith, Port } from './port.js'
import { onReport } from './report.js'
import { isInline, settings } from './settings.js'
import { expectFunction, shown } from './validate.js'
import type { WaitStatus } from './wait-status.js'

/** A clone that stays, seen from its parent: the port to it, and the clone. */
export interface Persistent<Received = unknown, Sent = unknown>
  extends Port<Received, Sent>,
    AsyncDisposable {
  /** The clone. */
  readonly clone: Clone
  /**
  Closes the port, and waits until the clone has ended. One that has not after `grace` milliseconds is killed.
  `await using` does so, too.

  @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
  */
  stop(options?: Pick<EndOptions, 'grace'>): Promise<WaitStatus>
}

/**
Forks as `run` does. The clone calls `f` with a port to the parent, and stays for as long as the port is open, or its
event loop has other work.

@returns a promise of the other side of the port, resolved when the clone is ready.
@throws {TypeError} when `f` is no function; nothing else is thrown.
*/
export const persist: Persist & {
  /**
  `persist` with options.

  @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use.
  */
  with(options: DetachableOptions): Persist
} = Object.assign(((f, ...args) => persistWith({}, f, args)) as Persist, {
  with(options: DetachableOptions): Persist {
    expectDetachableOptions(options)
    return (f, ...args) => persistWith(options, f, args)
  },
})

/** How {@link persist} is called. */
export type Persist = <Received, Sent, A extends unknown[]>(
  f: (port: Port<Received, Sent>, ...args: A) => unknown,
  ...args: A
) => Promise<Persistent<Sent, Received>>

async function persistWith<Received, Sent, A extends unknown[]>(
  options: DetachableOptions,
  f: (port: Port<Received, Sent>, ...args: A) => unknown,
  args: A,
): Promise<Persistent<Sent, Received>> {
  expectFunction(f, 'f')
  const { name = f.name } = options
  if (isInline()) return persistInline(name, f, args)
  const stdio = prepare({ event: 'persist', name }, options)
  const inClone = (ends: Ends) => stay(f, args, ends)
  return new ParentSide(
    await launch({ event: 'persist', name, options, stdio, link: 'socket', inClone, calls: [f] }),
  )
}

/** In the parent. */
class ParentSide<Received, Sent> extends Port<Received, Sent> implements Persistent<Received, Sent> {
  readonly clone: Clone

  constructor(launched: Launched) {
    const { clone, channel, guard } = launched
    super(channel, async () => {
      const status = await guard.exited
      if (guard.triggered) return guard.error(status)
      if (status.status === 0) return undefined
      return diedBefore('its port was closed', launched, status)
    })
    this.clone = clone
    const release = () => guard.release()
    clone.exited.then(release, release)
  }

  async stop(options: Pick<EndOptions, 'grace'> = {}): Promise<WaitStatus> {
    expectEndOptions(options)
    this.close()
    return killAfter(this.clone, options.grace)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** In the clone. */
async function stay<A extends unknown[]>(
  f: (port: Port<never, never>, ...args: A) => unknown,
  args: A,
  { fd }: Ends,
): Promise<void> {
  const channel = new Channel(fd, { writable: true, maxBytes: settings().maxAnswerBytes })
  const port = new Port<never, never>(channel)
  onReport(undefined)
  onSilentWrite(channel.tellWaits)
  const fail = (error: unknown) => {
    if (port.closed) leaveByError(error)
    port.on('close', () => leave(STATUS_OF_ERROR))
    port.closeWith(error)
  }
  onUncaught((error) => leaveWith(error, channel))
  try {
    await f(port, ...args)
  } catch (error) {
    return fail(error)
  }
  // It has done what it was to do: to have nothing more to do is a good end.
  process.exitCode ??= 0
}

/**
For a clone that is to connect to its parent's own server, as any client would: gives, in the parent, a function that
connects there from a clone.

@param server listening, on a port or a path.
@throws {TypeError} when it is not.
*/
export function connectBack(server: Server): () => Socket {
  const address = server.address()
  if (address === null) throw new TypeError(`Expected \`server\` to be listening, got ${shown(server)}`)
  if (typeof address === 'string') return () => connect(address)
  const { port } = address
  // To listen on every address is to listen on that of this machine, too.
  const host = ANY[address.address] ?? address.address
  return () => connect(port, host)
}

const ANY: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

calledInClones(stay)
