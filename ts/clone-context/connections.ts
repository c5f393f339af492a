import { Socket } from 'node:net'
import { uptimeMs } from '../clock.js'
import { type Connection, hasUnderWay, isNoted, notedPeer, noteWrite } from '../exchanges.js'
import { native } from '../native.js'
import { calledInClones, rehearseForClones } from './ahead.js'

type Method = (this: Connection, first: unknown, second?: unknown, third?: unknown) => unknown

/** What all copies of this package in a process have in common, as test runners load one for each file. */
interface Shared {
  /** When this process and those that it stems from were forked, by `uptimeMs()`; undefined in a process that is no clone. */
  forks?: readonly number[]
  /** Of the copy that forked. */
  inClone?: { swallows: typeof swallows; isSilent: typeof isSilent }
}

const SHARED = Symbol.for('qclone.connections')

const prototype = Socket.prototype as unknown as Record<
  'write' | '_write' | '_writev' | '_destroy',
  Method
> & {
  [SHARED]?: Shared
}

/** Whether a connection is silent, by its handle: a socket may connect anew, and then has another. */
let silent = new WeakMap<object, boolean>()

/** When this process was last about to fork: a clone would have to compile `uptimeMs`. */
let aboutToFork = 0
rehearseForClones(() => {
  aboutToFork = uptimeMs()
})

/** Silent connections that were written to before anybody was to know. */
let untold: string[] = []
let tell: (peer: string) => void = noteUntold
let told = new WeakSet<Connection>()

/**
In a clone: connections of the parent's that have something under way are silent from now on.

A write to a dead connection fails, and clients then connect anew. Some send again what they wait for, and in a clone
that is what their parent waits for. On a silent connection nothing fails: what is written is dropped, and nobody is
told that it has closed.

Which connections are silent is found out when they are first used, as a server has thousands that no clone uses.
*/
export function silenceConnections(): void {
  shared.inClone = { swallows, isSilent }
  shared.forks = [...(shared.forks ?? []), aboutToFork]
  if (shared.forks.length === 1) return
  silent = new WeakMap()
  told = new WeakSet()
  untold = []
  tell = noteUntold
}

function noteUntold(peer: string): void {
  untold.push(peer)
}

/** Says who is to know the address of a silent connection that this clone writes to: no answer will come. */
export function onSilentWrite(receive: (peer: string) => void): void {
  tell = receive
  for (const peer of untold.splice(0)) receive(peer)
}

/** Whether a connection is dead here: it is the parent's, and not kept. */
export function isDead(socket: Socket): boolean {
  const fd = (socket as Connection)._handle?.fd
  return fd !== undefined && native().isDeadConnection(fd)
}

/** @param queued what is to be written to it and has not been, but for what this clone writes now. */
function isSilent(socket: Connection, queued: number): boolean {
  const { _handle: handle } = socket
  if (!handle) return false
  let known = silent.get(handle)
  if (known === undefined) {
    known = isDead(socket) && hasUnderWay(socket, queued, shared.forks ?? [])
    silent.set(handle, known)
  }
  return known
}

/** The same, of a connection that this clone writes to. */
function swallows(socket: Connection, queued: number): boolean {
  if (!isSilent(socket, queued)) return false
  if (!told.has(socket)) {
    told.add(socket)
    tell(notedPeer(socket))
  }
  return true
}

/** In every process, from the beginning: to change the prototype takes a clone a quarter of a millisecond. */
function install(): Shared {
  const installed: Shared = {}
  const { _write, _writev, _destroy } = prototype
  const inherited = Object.getPrototypeOf(prototype) as { write: Method }
  calledInClones(_write, _writev, _destroy, inherited.write)
  Object.assign(prototype, {
    write(this: Connection, chunk: unknown, encoding: unknown, callback: unknown) {
      // What is queued behind the parent's bytes would not come as far as `_write`.
      installed.inClone?.swallows(this, this.writableLength)
      return inherited.write.call(this, chunk, encoding, callback)
    },
    _write(this: Connection, chunk: { length: number }, encoding: unknown, callback: unknown) {
      if (installed.inClone?.swallows(this, this.writableLength - chunk.length)) return
      noteWrite(this)
      _write.call(this, chunk, encoding, callback)
    },
    _writev(this: Connection, chunks: unknown, callback: unknown) {
      if (installed.inClone?.swallows(this, 0)) return
      noteWrite(this)
      _writev.call(this, chunks, callback)
    },
    _destroy(this: Connection, error: unknown, callback: unknown) {
      if (installed.inClone?.isSilent(this, this.writableLength) && isNoted(this)) return
      _destroy.call(this, error, callback)
    },
  })
  Object.defineProperty(prototype, SHARED, { value: installed })
  return installed
}

const shared = prototype[SHARED] ?? install()

calledInClones(silenceConnections, onSilentWrite, swallows, isSilent, isDead, noteWrite)
calledInClones(prototype.write, prototype._write, prototype._writev, prototype._destroy)
