import { Buffer } from 'node:buffer'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { onceInAllCopies } from '../copies/registry.js'
import { setImmediate } from '../node-internals/clock.js'
import {
  HTTP2_MODULE,
  loadedModules,
  prototypeOfSessions,
  type SendRequest,
} from '../node-internals/http2.js'
import { calledInClones } from './precompile.js'
import { isDead } from './silent-connections.js'

let isFound = false
let inClone = false

/** Number of modules that Node had loaded when they were last searched for HTTP/2. */
let looked = 0

/**
In the parent, before a fork: makes requests on its HTTP/2 client sessions fail in clones, once HTTP/2 is loaded. No API
exposes the class of such sessions.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if it cannot be found.
*/
export function findSessions(): void {
  const modules = loadedModules()
  if (isFound || modules.length === looked) return
  if (!modules.includes(HTTP2_MODULE)) {
    looked = modules.length
    return
  }
  const prototype = prototypeOfSessions()
  const ofNode = prototype.request
  isFound = true
  // Not in the clone, where changing a prototype takes a quarter of a millisecond.
  onceInAllCopies(prototype, 'qclone.sessions', () => {
    prototype.request = function (...args) {
      return inClone ? requestInClone.call(this, ofNode, args) : ofNode.apply(this, args)
    }
  })
}

/** In a clone: fails requests on inherited client sessions. */
export function failSessions(): void {
  inClone = true
}

/**
Refuses a request on an inherited session, like a server that goes away. Clients then open another session and send the
request again. The parent's requests in progress on the session stay silent, since they have not failed.
*/
function requestInClone(this: ClientHttp2Session, request: SendRequest, args: unknown[]): ClientHttp2Stream {
  const { socket, closed } = this
  const stream = request.apply(this, args)
  if (closed || !isDead(socket)) return stream
  const { destroySoon } = socket
  // A session without streams ends with its socket. `destroySoon` is bound to that socket.
  stream.once('close', () => setImmediate(() => this.destroyed && destroySoon()))
  this.emit('goaway', NO_ERROR, LAST_STREAM, Buffer.alloc(0))
  this.close()
  // Node emits no refusal for a request that has not been sent.
  if (stream.pending) stream.destroy(brokenPipe())
  else stream.close(REFUSED_STREAM)
  return stream
}

function brokenPipe(): Error {
  return Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })
}

/** Codes and the highest stream id of RFC 9113, sections 6.8 and 7. */
const NO_ERROR = 0
const REFUSED_STREAM = 7
const LAST_STREAM = 2 ** 31 - 1

calledInClones(failSessions)
