import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { createRequire } from 'node:module'
import { calledInClones } from './ahead.js'
import { isDead } from './connections.js'
import { readScope } from './scope.js'

type Request = (this: ClientHttp2Session, ...args: unknown[]) => ClientHttp2Stream

let sessions: { request: Request } | undefined

/** How many modules node had loaded when it was last looked whether HTTP/2 is among them. */
let looked = 0

/**
In the parent, before a fork: finds what its client sessions of HTTP/2 have in common, once there can be any. They
have no class that an API gives.
*/
export function findSessions(): void {
  const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] }
  if (sessions || moduleLoadList.length === looked) return
  looked = moduleLoadList.length
  if (!moduleLoadList.includes(MODULE)) return
  const { connect } = createRequire(import.meta.url)('node:http2') as typeof import('node:http2')
  const { ClientHttp2Session } = readScope(connect, ['ClientHttp2Session'])
  sessions = (ClientHttp2Session as { prototype: { request: Request } }).prototype
  request = sessions.request
}

const MODULE = 'NativeModule internal/http2/core'

let request: Request

/** In a clone: fails requests on client sessions of the parent's. */
export function failSessions(): void {
  if (sessions) sessions.request = requestInClone
}

/**
A request on a session of the parent's is refused, as by a server that goes away. Clients then make another session,
and send this request again. What the parent has under way on the session stays silent: it did not fail.
*/
function requestInClone(this: ClientHttp2Session, ...args: unknown[]): ClientHttp2Stream {
  const { socket, closed } = this
  const stream = request.apply(this, args)
  if (closed || !isDead(socket)) return stream
  const { destroySoon } = socket
  // Bound to the socket itself: without streams, the session ends when that is closed.
  stream.once('close', () => setImmediate(() => this.destroyed && destroySoon()))
  this.emit('goaway', NO_ERROR, LAST_STREAM, Buffer.alloc(0))
  this.close()
  if (stream.pending)
    stream.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }))
  else stream.close(REFUSED_STREAM)
  return stream
}

/** See RFC 9113, sections 6.8 and 7. */
const NO_ERROR = 0
const REFUSED_STREAM = 7
const LAST_STREAM = 2 ** 31 - 1

calledInClones(failSessions)
