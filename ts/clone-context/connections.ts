import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { type Connection, hasUnderWay, isNoted, notedPeer, noteWrite } from '../exchanges.js'
import { native } from '../native.js'
import { calledInClones } from './ahead.js'

type Method = (this: Connection, ...args: unknown[]) => unknown

const prototype = Socket.prototype as unknown as Record<
  'write' | 'end' | '_write' | '_writev' | '_destroy',
  Method
>
const { write, end, _write, _writev, _destroy } = prototype

/** When this process was forked, by `performance.now()`; undefined in a process that is no clone. */
let forkedAt: number | undefined

/** Whether a connection is silent, by its handle: a socket may connect anew, and then has another. */
let silent = new WeakMap<object, boolean>()

let tell: (peer: string) => void = () => {}
let told = new WeakSet<Connection>()

/**
In a clone: connections of the parent's that have something under way are silent from now on.

A write to a dead connection fails, and clients then connect anew. Some send again what they wait for, and in a clone
that is what their parent waits for. On a silent connection nothing fails: what is written is dropped, and nobody is
told that it has closed.
*/
export function silenceConnections(): void {
  // That of the first fork, in a clone of a clone: its parent has heard nothing since on what it inherited itself.
  forkedAt ??= performance.now()
  silent = new WeakMap()
  told = new WeakSet()
  tell = () => {}
  Object.assign(prototype, inClone)
}

/** Says who is to know the address of a silent connection that this clone writes to: no answer will come. */
export function onSilentWrite(receive: (peer: string) => void): void {
  tell = receive
}

/** Whether a connection is dead here: it is the parent's, and not kept. */
export function isDead(socket: Socket): boolean {
  const fd = (socket as Connection)._handle?.fd
  return fd !== undefined && native().isDeadConnection(fd)
}

function isSilent(socket: Connection): boolean {
  const { _handle: handle } = socket
  if (!handle || forkedAt === undefined) return false
  let known = silent.get(handle)
  if (known === undefined) {
    known = isDead(socket) && hasUnderWay(socket, forkedAt)
    silent.set(handle, known)
  }
  return known
}

/** Looks at a connection before this clone has anything buffered for it. */
function looking(method: Method): Method {
  return function (...args) {
    if (isSilent(this) && isData(args[0]) && !told.has(this)) {
      told.add(this)
      tell(notedPeer(this))
    }
    return method.apply(this, args)
  }
}

/** `end` may be given nothing, or a callback alone. */
function isData(chunk: unknown): boolean {
  return typeof chunk === 'string' || ArrayBuffer.isView(chunk)
}

function destroy(this: Connection, ...args: unknown[]): unknown {
  return isNoted(this) && isSilent(this) ? undefined : _destroy.apply(this, args)
}

const inClone = { write: looking(write), end: looking(end), _destroy: destroy }

function noting(method: Method): Method {
  return function (first, second, third) {
    if (forkedAt !== undefined && isSilent(this)) return
    noteWrite(this)
    method.call(this, first, second, third)
  }
}

Object.assign(prototype, { _write: noting(_write), _writev: noting(_writev) })

calledInClones(silenceConnections, onSilentWrite, ...Object.values(inClone))
