import { type Duplex, Readable, Writable } from 'node:stream'
import { define } from './define.js'
import { expectFact } from './fact.js'

/** State of a readable stream. `lib/internal/streams/readable.js`. */
interface ReadableState {
  /** Whether the stream has called `_read` and received nothing since, and so does not call it again. Node 20 to 26. */
  reading: boolean
  /** Number of buffered bytes at which Node stops reading. Node 20 to 26. */
  highWaterMark: number
  /** Buffered chunks: a list in Node 20, an array since Node 22. */
  readonly buffer: { readonly length: number }
  /** Number of chunks at the start of `buffer` that have been read. Since Node 22. */
  readonly bufferIndex?: number
}

function stateOf(stream: Readable): ReadableState {
  return (stream as unknown as { _readableState: ReadableState })._readableState
}

/**
Returns whether an object with these keys is a stream, or the remains of a serialized one.

`lib/internal/streams/readable.js`, `lib/internal/streams/writable.js`; Node 20 to 26.
*/
export function hasStateOfStream(keys: readonly string[]): boolean {
  return keys.includes('_readableState') || keys.includes('_writableState')
}

/** Returns the number of chunks in a stream's buffer. Each takes memory besides its bytes. */
export function chunksIn(stream: Readable): number {
  const { buffer, bufferIndex = 0 } = stateOf(stream)
  return buffer.length - bufferIndex
}

/** Makes a stream call `_read` at the next read, even if it still waits for data that it asked for before. */
export function askAgain(stream: Readable): void {
  stateOf(stream).reading = false
}

/**
Makes a stream neither paused nor flowing, as it is before it has a listener.

`lib/internal/streams/readable.js` (the setter of `readableFlowing`); Node 20 to 26.
*/
export function forgetFlow(stream: Readable): void {
  Object.assign(stream, { readableFlowing: null })
}

/** Sets the number of bytes that a stream buffers before it stops reading, so that it can hold a whole body. */
export function setHighWaterMark(stream: Readable, bytes: number): void {
  stateOf(stream).highWaterMark = bytes
}

/**
Makes `writableLength` and similar properties of `by` show the state of the stream that `of` returns: `_writableState`.
`of` is called at the first use.

`lib/internal/streams/writable.js`; Node 20 to 26.

@returns the state that `by` had.
*/
export function shareWritableState(of: () => Writable, by: Writable | Duplex): unknown {
  const { _writableState } = by as unknown as WithState
  const settle = (value: unknown) => {
    define(by, '_writableState', { value, writable: true, configurable: true, enumerable: true })
    return value
  }
  define(by, '_writableState', {
    get: () => settle((of() as unknown as WithState)._writableState),
    set: settle,
    configurable: true,
    enumerable: true,
  })
  return _writableState
}

interface WithState {
  _writableState: unknown
}

/**
Marks a stream as a standard stream, with the properties `_type` and `_isStdio` that Node and loggers check.

`lib/internal/bootstrap/switches/is_main_thread.js`; Node 20 to 26. They are only set, so there is nothing to verify.
*/
export function asStandardStream(stream: Writable, fd: number): Writable {
  return Object.assign(stream, { fd, _type: 'pipe', _isStdio: true, destroySoon: stream.destroy })
}

export function verifyStreams(): void {
  const file = 'lib/internal/streams/readable.js'
  const stream = new Readable({ read: () => {} })
  stream.push('one')
  stream.push('two')
  expectFact('readable._readableState.buffer', file, () => chunksIn(stream) === 2)
  expectFact('readable._readableState.highWaterMark', file, () => {
    setHighWaterMark(stream, 7)
    return stream.readableHighWaterMark === 7
  })
  expectFact('readable._readableState.reading', file, () => {
    let asked = 0
    const waiting = new Readable({ read: () => void asked++ })
    waiting.read(0)
    waiting.read(0)
    const before = asked
    askAgain(waiting)
    waiting.read(0)
    return before === 1 && asked === 2
  })
  expectFact('readable.readableFlowing', file, () => {
    stream.pause()
    forgetFlow(stream)
    return stream.readableFlowing === null
  })
  const [one, other] = [new Writable({ write: () => {} }), new Writable({ write: () => {} })]
  one.write('bytes')
  expectFact('writable._writableState', 'lib/internal/streams/writable.js', () => {
    shareWritableState(() => one, other)
    return other.writableLength === one.writableLength && other.writableLength > 0
  })
}
