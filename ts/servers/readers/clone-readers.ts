import type { Server } from 'node:net'
import { verifyReaderInternals } from '../../node-internals/verify.js'
import { isInline } from '../../options/settings.js'
import { expectEach } from '../../options/validate.js'
import { expectCloneable, expectServer, isHttp } from '../intercept.js'
import { EXPECT_OF_READERS, type ReaderOptions } from './options.js'
import type { Readers } from './readers.js'
import { ServerReaders } from './server-readers.js'

/**
Serves the connections of a server with readers: clones that stay, and that all read the parent's data as of their fork.
The parent accepts connections and changes the data. Every `maxAge`, a new generation of readers takes over the
connections.

HTTP requests other than GET, HEAD and OPTIONS, and messages that expect no reply, are forwarded to the parent.

@returns the readers.
@throws {TypeError} if `server` is HTTP/2, has other clones, or is not an HTTP server and there is no codec, or if an
option contradicts another or could have no effect.
@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.
@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` where no clone can ever be made.

@example
```js
import { createServer } from 'node:http'
import { cloneReaders, isReader } from 'node-qclone'

const prices = new Map([['a', 1]])
const server = createServer((request, response) => {
  if (request.method === 'PUT') prices.set('a', prices.get('a') + 1)
  response.end(`${prices.get('a')}, by a reader: ${isReader()}`)
})
const readers = cloneReaders(server, { readers: 2 })
server.listen(0, async () => {
  await readers.ready
  const url = `http://localhost:${server.address().port}`
  console.log(await (await fetch(url)).text()) // 1, by a reader: true
  console.log(await (await fetch(url, { method: 'PUT' })).text()) // 2, by a reader: false
  await readers.close()
  server.close()
})
```
*/
export function cloneReaders(server: Server, options: ReaderOptions = {}): Readers {
  expectServer(server)
  expectCloneable(server)
  if (!isInline()) verifyReaderInternals()
  expectEach(options, EXPECT_OF_READERS)
  expectTogether(options, server)
  return new ServerReaders(server, options)
}

/** @throws {TypeError} if options contradict each other or the server, or could have no effect. */
function expectTogether(options: ReaderOptions, server: Server): void {
  const { codec, evaluate, onUpdate, handshakeTimeout, filter, perConnection, readers } = options
  if ((codec === undefined) !== (evaluate === undefined)) {
    throw new TypeError('Expected `codec` and `evaluate` to be given together')
  }
  if (isHttp(server) === (codec !== undefined)) {
    throw new TypeError(
      codec
        ? 'Expected no `codec` with an HTTP server'
        : 'Expected `codec` and `evaluate`, or an HTTP server',
    )
  }
  if (!codec && onUpdate) {
    throw new TypeError('Expected no `onUpdate` with an HTTP server: its listeners handle forwarded requests')
  }
  if (!codec && handshakeTimeout !== undefined) {
    throw new TypeError('Expected no `handshakeTimeout` with an HTTP server: set `server.headersTimeout`')
  }
  if (codec && filter) {
    throw new TypeError('Expected no `filter` with a `codec`: it selects requests of an HTTP server')
  }
  if (perConnection && readers !== undefined) {
    throw new TypeError('Expected no `readers` with `perConnection`: each connection has a reader')
  }
}
