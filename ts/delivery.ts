import { Buffer } from 'node:buffer'
import { calledInClones } from './clone-context/ahead.js'
import { QcloneError } from './errors.js'
import { type Frame, frame, KIND, type Kind } from './frames.js'
import { native } from './native.js'
import { settings } from './settings.js'
import { inThisTask } from './task-name.js'
import { recordThrown, reviveThrown, type Thrown } from './thrown.js'
import { type Packed, pack, unpack } from './values.js'

/** From how many bytes on a body goes into the file: about what a pipe holds, beyond which its writer waits. */
const BODY_IN_FILE_BYTES = 1 << 16

/** Mappings begin where pages do, and those are this large at most. */
const PAGE_BYTES = 1 << 16

/**
The frame of a value.

@param file the clone's memory file. What is large goes there, and its writer, which writes once, waits for nobody.
@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE`.
*/
export function encodeValue(kind: Kind, value: unknown, file?: number): Uint8Array {
  if (file === undefined) return frame(kind, withinBounds(pack(value, false)).body)
  const { body, large } = withinBounds(pack(value, true))
  if (large.length === 0 && body.length < BODY_IN_FILE_BYTES) return frame(kind, body)
  try {
    return frame(kind, writeToFile(file, [...large, body]), true)
  } catch {
    // There is no memory for it, or a limit on the size of files. Perhaps there is for the pipe.
    return frame(kind, pack(value, false).body)
  }
}

/** @throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` when a value is larger than may be sent. */
function withinBounds(packed: Packed): Packed {
  const bytes = packed.large.reduce((sum, { length }) => sum + length, packed.body.length)
  const { maxAnswerBytes } = settings()
  if (bytes <= maxAnswerBytes) return packed
  const message = `value takes ${bytes} bytes, and \`maxAnswerBytes\` allows ${maxAnswerBytes}: send less, send it in parts by \`stream\`, or allow more by \`configure\``
  throw inThisTask(new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, { path: 'value' }))
}

/** The frame of what was thrown. */
export function encodeThrown(thrown: unknown): Uint8Array {
  return frame(KIND.thrown, pack(recordThrown(thrown), false).body)
}

/**
The value of a frame by {@link encodeValue}.

@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` when the frame holds no value that can be read.
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
What was thrown, of a frame by {@link encodeThrown}.

@throws {QcloneError} as {@link decodeValue}.
*/
export function decodeThrown({ body }: Frame): unknown {
  return readable(() => reviveThrown(unpack(body, []) as Thrown))
}

/** The bytes come from another process, which may have sent anything. */
function readable(read: () => unknown): unknown {
  try {
    return read()
  } catch (cause) {
    const message = `what the other process sent cannot be read: ${(cause as Error).message}`
    throw new QcloneError('ERR_QCLONE_UNSERIALIZABLE', message, { cause, path: 'value' })
  }
}

/** Bytes of an offset and a length. */
const RANGE_BYTES = 16

/** @returns where the parts are: the offset and the length of each. */
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
