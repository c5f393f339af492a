import { type KdbAddress, readAddress } from './address.js'
import { ask } from './ask.js'
import { type KdbRequestOptions, readRequestOptions } from './request-options.js'

/**
Connects to a kdb+ server, sends it one synchronous query, and closes the connection, as `` `:host:port "2+2" `` does in
q. Works in clones and Workers, too.

@param address Server and user, such as `':host:port:user:password'`.
@param query A string is sent as q text, which q servers evaluate. A list of a function's name and arguments calls that
function. Values are converted like those of replies.
@returns a promise of the answer. It rejects with:

- {@link QError}: the server answered with an error, such as `type`.
- `QcloneError` `ERR_QCLONE_ACCESS`, `ERR_QCLONE_CONNECTION`, `ERR_QCLONE_TIMEOUT` or `ERR_QCLONE_ABORTED`: there was no
  answer.
- `QcloneError` `ERR_QCLONE_UNSERIALIZABLE`: the query cannot be sent; nothing was sent.
- `ProtocolError`: the answer is malformed or exceeds the bounds.

@throws {TypeError} or {@link RangeError} if the address or an option is invalid.

@example
```js
import { createServer } from 'node:net'
import { cloneQueries } from 'node-qclone'
import { kdb, request } from 'node-qclone/kdb'

const functions = { sum: (...numbers) => numbers.reduce((sum, number) => sum + number, 0) }
const server = createServer()
cloneQueries(server, { codec: kdb(), evaluate: ([name, ...args]) => functions[name](...args) })
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address()
  console.log(await request(`:127.0.0.1:${port}:me:secret`, ['sum', 2, 2])) // 4
  server.close()
})
```
*/
export function request(
  address: KdbAddress,
  query: unknown,
  options: KdbRequestOptions = {},
): Promise<unknown> {
  return ask(readAddress(address), query, readRequestOptions(options))
}
