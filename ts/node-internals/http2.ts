import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { createRequire } from 'node:module'
import { QcloneError } from '../types/errors.js'
import { readScope } from './closure-variables.js'
import { expectFact } from './fact.js'
import { process } from './process.js'

/**
Returns the names of the modules that Node has loaded, in order: `process.moduleLoadList`. Shows whether there can be
HTTP/2 sessions, without loading HTTP/2.

`lib/internal/bootstrap/realm.js`; Node 20 to 26.
*/
export function loadedModules(): readonly string[] {
  return (process as unknown as { moduleLoadList: readonly string[] }).moduleLoadList
}

/** Name of the HTTP/2 module in {@link loadedModules}. */
export const HTTP2_MODULE = 'NativeModule internal/http2/core'

/** Method with which a client session sends a request. */
export type SendRequest = (this: ClientHttp2Session, ...args: unknown[]) => ClientHttp2Stream

/**
Returns the prototype of HTTP/2 client sessions, whose class no API exposes: a variable of `lib/internal/http2/core.js`;
Node 20 to 26. HTTP/2 must be loaded.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` if it cannot be found.
*/
export function prototypeOfSessions(): { request: SendRequest } {
  let prototype: { request: SendRequest }
  try {
    const { ClientHttp2Session } = scopeOfCore()
    prototype = (ClientHttp2Session as { prototype: { request: SendRequest } }).prototype
  } catch (cause) {
    const message = `the HTTP/2 sessions of Node ${process.version} cannot be found (lib/internal/http2/core.js: ${(cause as Error).message}), and requests on the parent's sessions would hang in a clone: use \`spawn\`, which does not need them`
    throw new QcloneError('ERR_QCLONE_UNSUPPORTED', message, { cause })
  }
  const { request } = prototype
  expectFact('ClientHttp2Session.request', 'lib/internal/http2/core.js', () => typeof request === 'function')
  return prototype
}

/**
Reads the class through any function of the module: agents wrap some, `connect` above all, and a wrapper has other
variables.
*/
function scopeOfCore(): Record<'ClientHttp2Session', unknown> {
  const http2 = createRequire(import.meta.url)('node:http2') as typeof import('node:http2')
  const others = [http2.createServer, http2.createSecureServer, http2.performServerHandshake]
  for (const unwrapped of others) {
    try {
      return readScope(unwrapped, ['ClientHttp2Session'])
    } catch {
      // It is wrapped too, or this Node has no such function.
    }
  }
  return readScope(http2.connect, ['ClientHttp2Session'])
}

export function verifyLoadedModules(): void {
  const isListed = () => loadedModules().includes('NativeModule events')
  expectFact('process.moduleLoadList', 'lib/internal/bootstrap/realm.js', isListed)
}
