import { Socket } from 'node:net'
import { sharedByCopies } from '../copies/registry.js'
import { native } from '../native.js'
import { handleOf } from '../node-internals/handles.js'
import { interceptSockets, methodsOfSockets, type SocketHooks } from '../node-internals/sockets.js'
import { forkTime } from './fork-time.js'
import { calledInClones } from './precompile.js'
import { beginsPostgres, type Chunk, postgresRequestsIn, requestsIn } from './requests-in.js'
import { type Connection, hasUnderWay, isNoted, notedPeer, noteWrite } from './requests-under-way.js'

/** State shared by all copies of this package in a process. Test runners load one copy per file. */
interface Shared {
  /**
  Times at which this process and its ancestors were forked, by `uptimeMs()`; `undefined` in a process that is not a
  clone.
  */
  forks?: readonly number[]
  /** Functions of the copy that forked. */
  inClone?: { swallows: typeof swallows; isSilent: typeof isSilent }
}

/** Whether a connection is silent, by its handle: a socket that reconnects has another handle. */
let silent = new WeakMap<object, boolean>()

/** Peers of silent connections that were written to before {@link onSilentWrite} was called. */
let unreported: string[] = []
let report: (peer: string) => void = noteUnreported
let reported = new WeakSet<Connection>()

/**
In a clone: makes inherited connections with requests in progress silent.

A write to a dead connection fails, and clients then reconnect. Some also send their pending requests again, which in a
clone are the parent's. On a silent connection nothing fails: writes are dropped, and `close` is not emitted.

Whether a connection is silent is determined at its first use, since a server has thousands that no clone uses.
*/
export function silenceConnections(): void {
  shared.inClone = { swallows, isSilent }
  shared.forks = [...(shared.forks ?? []), forkTime()]
  if (shared.forks.length === 1) return
  silent = new WeakMap()
  reported = new WeakSet()
  unreported = []
  report = noteUnreported
}

function noteUnreported(peer: string): void {
  unreported.push(peer)
}

/** Sets the function called with the peer of each silent connection that this clone writes to: no answer will come. */
export function onSilentWrite(receive: (peer: string) => void): void {
  report = receive
  for (const peer of unreported.splice(0)) receive(peer)
}

/** Returns whether a connection is dead in this process: inherited and not kept. */
export function isDead(socket: Socket): boolean {
  const fd = handleOf(socket)?.fd
  return fd !== undefined && native().isDeadConnection(fd)
}

/** @param queued Bytes queued for the connection, except those that this clone writes now. */
function isSilent(socket: Connection, queued: number): boolean {
  const handle = handleOf(socket)
  if (!handle) return false
  let known = silent.get(handle)
  if (known === undefined) {
    known = isDead(socket) && hasUnderWay(socket, queued, shared.forks ?? [])
    silent.set(handle, known)
  }
  return known
}

/** Returns whether a write of this clone to a connection is dropped, and reports that once. */
function swallows(socket: Connection, queued: number): boolean {
  if (!isSilent(socket, queued)) return false
  if (!reported.has(socket)) {
    reported.add(socket)
    report(notedPeer(socket))
  }
  return true
}

/**
Patches the socket methods, at load in every process: changing the prototype takes a clone a quarter of a millisecond.
*/
function install(): Shared {
  const installed: Shared = {}
  const hooks: SocketHooks = {
    // Bytes queued behind the parent's would never reach `beforeSend`.
    beforeWrite: (socket, queued) => void installed.inClone?.swallows(socket, queued),
    beforeSend(socket, queued, chunks) {
      if (installed.inClone?.swallows(socket, queued)) return true
      noteWrite(socket, chunks as readonly Chunk[])
      return false
    },
    beforeDestroy: (socket, queued) =>
      Boolean(installed.inClone?.isSilent(socket, queued)) && isNoted(socket),
  }
  interceptSockets(hooks)
  calledInClones(hooks.beforeWrite, hooks.beforeSend, hooks.beforeDestroy)
  return installed
}

const shared = sharedByCopies(Socket.prototype, 'qclone.connections', install)

calledInClones(forkTime, silenceConnections, onSilentWrite, swallows, isSilent, isDead, noteWrite)
calledInClones(requestsIn, beginsPostgres, postgresRequestsIn, handleOf, ...methodsOfSockets())
