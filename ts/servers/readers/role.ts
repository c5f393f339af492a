import { onBecomingClone } from '../../in-clone/hooks.js'
import { inThisTask } from '../../in-clone/task-name.js'
import { uptimeMs } from '../../node-internals/clock.js'
import { expectFunction } from '../../options/validate.js'
import { isClone } from '../../parent/fork-point.js'
import { QcloneError } from '../../types/errors.js'

/** Snapshot that this process reads from, if it is a reader. */
interface Role {
  readonly generation: number
  /** Time of the fork, by `uptimeMs`, which continues in a clone. */
  readonly forkedAt: number
}

let role: Role | undefined

/** In a reader: records the generation it belongs to. */
export function becomeReader(generation: number, forkedAt: number): void {
  role = { generation, forkedAt }
}

/**
Returns whether this process is a reader of {@link cloneReaders}.

@example
```ts
import { createServer } from 'node:http'
import { isReader } from 'node-qclone'

const server = createServer((request, response) => response.end(isReader() ? 'a snapshot' : 'live'))
```
*/
export function isReader(): boolean {
  return role !== undefined
}

/** Returns the generation that this reader belongs to, from 1; 0 in a process that is not a reader. */
export function generation(): number {
  return role?.generation ?? 0
}

/** Returns the age of this reader's snapshot, in milliseconds; 0 in a process that is not a reader. */
export function snapshotAge(): number {
  return role ? uptimeMs() - role.forkedAt : 0
}

/**
Makes a function that only the parent can call, for functions that change data that readers read. No other process sees
a change that a reader makes, and it is lost when the reader ends.

@returns a function that throws {@link QcloneError} `ERR_QCLONE_READ_ONLY` in a reader, and otherwise calls `f`.
@throws {TypeError} if `f` is not a function.

@example
```js
import { parentOnly } from 'node-qclone'

const prices = new Map()
const setPrice = parentOnly((name, price) => void prices.set(name, price))
setPrice('a', 1)
```
*/
export function parentOnly<This, A extends unknown[], R>(
  f: (this: This, ...args: A) => R,
): (this: This, ...args: A) => R {
  expectFunction(f, 'f')
  return function (this: This, ...args: A): R {
    if (isReader()) throw readOnly(f.name)
    return Reflect.apply(f, this, args) as R
  }
}

/** @throws {QcloneError} `ERR_QCLONE_READ_ONLY` in a clone, whose copy of the parent's readers is useless. */
export function expectParent(name: string): void {
  if (!isClone()) return
  const message = `\`${name}\` of readers works in the parent only, and this process is a clone`
  throw inThisTask(new QcloneError('ERR_QCLONE_READ_ONLY', message))
}

function readOnly(name: string): QcloneError {
  const what = name ? `\`${name}\` changes` : 'this function changes'
  const message = `${what} data that readers serve, and this process is a reader: make the change in the parent, through a request or message that readers do not handle`
  return inThisTask(new QcloneError('ERR_QCLONE_READ_ONLY', message))
}

// A clone of a reader, such as one made by `run`, is not a reader.
onBecomingClone('clients', () => {
  role = undefined
})
