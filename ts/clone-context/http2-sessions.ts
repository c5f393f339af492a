import { Buffer } from 'node:buffer'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { createRequire } from 'node:module'
import { setImmediate } from '../clock.js'
import { onceInAllCopies } from '../copies.js'
import { QcloneError } from '../errors.js'
import { process } from '../node.js'
import { calledInClones } from './ahead.js'
import { isDead } from './connections.js'
import { readScope } from './scope.js'

type Request = (this: ClientHttp2Session, ...args: unknown[]) => ClientHttp2Stream

let isFound = false
let inClone = false

/** How many modules node had loaded when it was last looked whether HTTP/2 is among them. */
let looked = 0

/**
In the parent, before a fork: sees to it that requests on its client sessions of HTTP/2 fail in clones, once there can
be any. No API gives the class of such sessions.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` when it cannot be found.
*/
export function findSessions(): void {
  const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] }
  if (isFound || moduleLoadList.length === looked) return
  looked = moduleLoadList.length
  if (!moduleLoadList.includes(MODULE)) return
  const { connect } = createRequire(import.meta.url)('node:http2') as typeof import('node:http2')
  const prototype = prototypeBy(connect)
  const ofNode = prototype.request
  isFound = true
  // Not in the clone, where to change a prototype takes a quarter of a millisecond.
  onceInAllCopies(prototype, 'qclone.sessions', () => {
    prototype.request = function (...args) {
      return inClone ? requestInClone.call(this, ofNode, args) : ofNode.apply(this, args)
    }
  })
}

function prototypeBy(connect: (...args: never[]) => unknown): { request: Request } {
  try {
    const { ClientHttp2Session } = readScope(connect, ['ClientHttp2Session'])
    return (ClientHttp2Session as { prototype: { request: Request } }).prototype
  } catch (cause) {
    const message =
      "this node does not show its sessions of HTTP/2, so that requests on the parent's would hang in a clone: only `spawn` works"
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', message, { cause })
  }
}

const MODULE = 'NativeModule internal/http2/core'

/** In a clone: fails requests on client sessions of the parent's. */
export function failSessions(): void {
  inClone = true
}

/**
A request on a session of the parent's is refused, as by a server that goes away. Clients then make another session,
and send this request again. What the parent has under way on the session stays silent: it did not fail.
*/
function requestInClone(this: ClientHttp2Session, request: Request, args: unknown[]): ClientHttp2Stream {
  const { socket, closed } = this
  const stream = request.apply(this, args)
  if (closed || !isDead(socket)) return stream
  const { destroySoon } = socket
  // A session that has no streams left ends when its socket does. The function is bound to that.
  stream.once('close', () => setImmediate(() => this.destroyed && destroySoon()))
  this.emit('goaway', NO_ERROR, LAST_STREAM, Buffer.alloc(0))
  this.close()
  // Node does not tell of the refusal of one that has not been sent.
  if (stream.pending) stream.destroy(brokenPipe())
  else stream.close(REFUSED_STREAM)
  return stream
}

function brokenPipe(): Error {
  return Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })
}

/** See RFC 9113, sections 6.8 and 7. */
const NO_ERROR = 0
const REFUSED_STREAM = 7
const LAST_STREAM = 2 ** 31 - 1

calledInClones(failSessions)
