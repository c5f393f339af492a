import { connect, type Server, type Socket } from 'node:net'
import { leave, leaveByError, onUncaught, STATUS_OF_ERROR } from '../in-clone/exit.js'
import { calledInClones } from '../in-clone/precompile.js'
import { onReport } from '../in-clone/progress.js'
import { onSilentWrite } from '../in-clone/silent-connections.js'
import { process } from '../node-internals/process.js'
import { type DetachableOptions, EXPECT_OF_DETACHABLE } from '../options/clone-options.js'
import { expectEndOptions } from '../options/end-options.js'
import { isInline, settings } from '../options/settings.js'
import { expectFunction, shown } from '../options/validate.js'
import { defaultPlaces, type Places } from '../parent/admission.js'
import { type Ends, failureAtEnd, type Launched, launch, prepare } from '../parent/launch.js'
import { killAfter } from '../parent/terminate.js'
import { Channel } from '../transport/channel.js'
import { leaveWith, Port } from '../transport/port.js'
import type { Clone, EndOptions } from '../types/clone.js'
import type { WaitStatus } from '../types/wait-status.js'
import { residentInline } from './inline/tasks.js'
import type { ResidentPort } from './resident-port.js'
import { type WithOptions, withOptions } from './with-options.js'

/**
Makes a clone that stays and exchanges messages with its parent. Forks as {@link run} does. The clone calls `f` with a
port to the parent, and stays as long as the port is open or its event loop has other work.

@returns a promise of the parent's side of the port, resolved once the clone is ready. It rejects with a
{@link TypeError} if `f` is not a function.

@example
```js
import { resident } from 'node-qclone'

const rows = new Map([['a', 1]])
const snapshot = await resident((port) => {
  port.on('message', (key) => port.postMessage(rows.get(key)))
})
snapshot.on('message', async (row) => {
  console.log(row) // 1
  await snapshot.stop()
})
snapshot.postMessage('a')
```
*/
export const resident: WithOptions<DetachableOptions, Resident> = residentIn(defaultPlaces)

/** Creates {@link resident} for these places. */
export function residentIn(places: Places): WithOptions<DetachableOptions, Resident> {
  return withOptions(
    EXPECT_OF_DETACHABLE,
    (options): Resident =>
      (f, ...args) =>
        residentWith(places, options, f, args),
  )
}

/** Signature of {@link resident}. */
export type Resident = <Received, Sent, A extends unknown[]>(
  f: (port: Port<Received, Sent>, ...args: A) => unknown,
  ...args: A
) => Promise<ResidentPort<Sent, Received>>

async function residentWith<Received, Sent, A extends unknown[]>(
  places: Places,
  options: DetachableOptions,
  f: (port: Port<Received, Sent>, ...args: A) => unknown,
  args: A,
): Promise<ResidentPort<Sent, Received>> {
  expectFunction(f, 'f')
  const { name = f.name } = options
  if (isInline()) return residentInline(name, f, args)
  const stdio = prepare({ kind: 'resident', name }, options)
  const inClone = (ends: Ends) => stay(f, args, ends)
  return new ParentSide(
    await launch({ places, kind: 'resident', name, options, stdio, link: 'socket', inClone, calls: [f] }),
  )
}

class ParentSide<Received, Sent> extends Port<Received, Sent> implements ResidentPort<Received, Sent> {
  readonly clone: Clone

  constructor(launched: Launched) {
    const { clone, channel, guard } = launched
    super(channel, () =>
      failureAtEnd('its port was closed', launched, ({ status }) => status === 0 && !guard.triggered),
    )
    this.clone = clone
    const release = () => guard.release()
    clone.exited.then(release, release)
  }

  async stop(options: Pick<EndOptions, 'forceKillAfterDelay'> = {}): Promise<WaitStatus> {
    expectEndOptions(options)
    this.close()
    return killAfter(this.clone, options.forceKillAfterDelay)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** In the clone: serves the port. */
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
  // A clone whose event loop is empty has finished. Node's status for that would be 13.
  process.exitCode ??= 0
}

/**
Returns a function that connects from a clone to its parent's own server, as any client would. Call it in the parent.

@param server a server that listens on a port or a path.
@throws {TypeError} if the server is not listening.

@example
```js
import { once } from 'node:events'
import { createServer } from 'node:net'
import { connectBack, run } from 'node-qclone'

const server = createServer((socket) => socket.end('hello')).listen(0)
await once(server, 'listening')
const connect = connectBack(server)
console.log(await run(async () => String(await once(connect(), 'data')))) // hello
server.close()
```
*/
export function connectBack(server: Server): () => Socket {
  const address = server.address()
  if (address === null) throw new TypeError(`Expected \`server\` to be listening, got ${shown(server)}`)
  if (typeof address === 'string') return () => connect(address)
  const { port } = address
  // A server that listens on all addresses includes the loopback address.
  const host = ANY[address.address] ?? address.address
  return () => connect(port, host)
}

const ANY: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

calledInClones(stay)
