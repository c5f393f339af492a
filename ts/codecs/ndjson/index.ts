import type { Codec } from '../codec.js'
import { NdjsonConversation } from './conversation.js'
import { type NdjsonOptions, readOptions } from './options.js'

export type { Codec } from '../codec.js'
export type { NdjsonOptions } from './options.js'

/**
Creates a codec for JSON, one object per line.

- `{"query": …, "id": …}` is a query. The answer is `{"id": …, "result": …}` or
  `{"id": …, "error": {"name", "message", "code"}}`. `id` is optional.
- `{"update": …}` is an update, which has no answer.

@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.

@example
```js
import { createServer } from 'node:net'
import { cloneQueries } from 'node-qclone'
import { ndjson } from 'node-qclone/ndjson'

const sizes = new Map([['a', 100]])
cloneQueries(createServer(), { codec: ndjson({ maxDepth: 16 }), evaluate: (symbol) => sizes.get(symbol) })
```
*/
export function ndjson(options: NdjsonOptions = {}): Codec {
  const known = readOptions(options)
  return { name: 'ndjson', open: () => new NdjsonConversation(known) }
}
