import { Buffer } from 'node:buffer'
import { calledInClones } from '../in-clone/precompile.js'
import { inThisTask } from '../in-clone/task-name.js'
import { native } from '../native.js'
import { settings } from '../options/settings.js'
import { QcloneError } from '../types/errors.js'
import { type Frame, frame, KIND, type Kind, MIN_ERROR_BYTES } from './frames.js'
import { type Packed, pack, unpack } from './serialize.js'
import { recordThrown, reviveThrown, type Thrown } from './serialize-error.js'

/** Minimum length of a body that goes into the file. A pipe holds about as much; beyond that, its writer waits. */
const BODY_IN_FILE_BYTES = 1 << 16

/** Alignment of parts in the file: mappings begin at pages, which are at most this large. */
const PAGE_BYTES = 1 << 16

/**
Encodes the frame of a value.

@param file the clone's memory file, for large values. Its writer never waits. Written only once.
@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE`
*/
export function encodeValue(kind: Kind, value: unknown, file?: number): Uint8Array {
  if (file === undefined) return frame(kind, withinBounds(pack(value, false)).body)
  const { body, large } = withinBounds(pack(value, true))
  if (large.length === 0 && body.length < BODY_IN_FILE_BYTES) return frame(kind, body)
  try {
    return frame(kind, writeToFile(file, [...large, body]), true)
  } catch {
    // Memory is short, or file sizes are limited. The pipe may still work.
    return frame(kind, pack(value, false).body)
  }
}

/** Checks the size of a value. @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` if it exceeds `maxAnswerBytes`. */
function withinBounds(packed: Packed): Packed {
  const bytes = packed.large.reduce((sum, { length }) => sum + length, packed.body.length)
  const { maxAnswerBytes } = settings()
  if (bytes <= maxAnswerBytes) return packed
  const message = `value takes ${bytes} bytes, more than \`maxAnswerBytes\` (${maxAnswerBytes}): send less, send it in parts with \`stream\`, or allow more with \`configure\``
  throw inThisTask(new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, { path: 'value' }))
}

/** Encodes the frame of a thrown value, without the parts that would make it larger than `maxAnswerBytes`. */
export function encodeThrown(thrown: unknown): Uint8Array {
  const room = Math.max(settings().maxAnswerBytes, MIN_ERROR_BYTES)
  return frame(KIND.thrown, pack(recordThrown(thrown, room), false).body)
}

/**
Decodes a frame encoded by {@link encodeValue}.

@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` if the frame cannot be read.
*/
export function decodeValue({ body, inFile }: Frame, file?: number): unknown {
  return readable(() => {
    if (!inFile) return unpack(body, [])
    const ranges = readRanges(body)
    const bytes = ranges.reduce((sum, [, length]) => sum + length, 0)
    if (!(bytes <= settings().maxAnswerBytes)) throw new Error(`it takes ${bytes} bytes`)
    const parts = ranges.map(([offset, length]) => native().mapFile(file ?? -1, offset, length))
    return unpack(Buffer.from(parts.pop() as ArrayBuffer), parts)
  })
}

/**
Decodes a frame encoded by {@link encodeThrown} to the thrown value.

@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` if the frame cannot be read.
*/
export function decodeThrown({ body }: Frame): unknown {
  return readable(() => reviveThrown(unpack(body, []) as Thrown))
}

/**
Turns any error of `read` into a {@link QcloneError}: the bytes come from another process, which can send anything.
*/
function readable(read: () => unknown): unknown {
  try {
    return read()
  } catch (cause) {
    const message = `the other process sent a message that cannot be read: ${(cause as Error).message}`
    throw new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, { cause, path: 'value' })
  }
}

/** Size of an offset and a length. */
const RANGE_BYTES = 16

/** Writes parts to the memory file. @returns the offset and the length of each. */
function writeToFile(file: number, parts: readonly Uint8Array[]): Buffer {
  const ranges = Buffer.alloc(parts.length * RANGE_BYTES)
  let offset = 0
  for (const [index, part] of parts.entries()) {
    native().writeAt(file, offset, part)
    ranges.writeDoubleLE(offset, index * RANGE_BYTES)
    ranges.writeDoubleLE(part.length, index * RANGE_BYTES + RANGE_BYTES / 2)
    offset += Math.ceil(part.length / PAGE_BYTES) * PAGE_BYTES
  }
  return ranges
}

function readRanges(ranges: Buffer): Array<[offset: number, length: number]> {
  return Array.from({ length: ranges.length / RANGE_BYTES }, (_, index) => [
    ranges.readDoubleLE(index * RANGE_BYTES),
    ranges.readDoubleLE(index * RANGE_BYTES + RANGE_BYTES / 2),
  ])
}

calledInClones(encodeValue, withinBounds)
