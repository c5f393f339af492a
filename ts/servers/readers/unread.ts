import { Buffer } from 'node:buffer'
import { native } from '../../native.js'
import { closeFile } from '../../parent/launch.js'

const NOTHING = Buffer.alloc(0)

/**
Writes what was read of a client's messages to a file in memory, for another process.

@returns its descriptor, undefined if there can be none.
*/
export function keepUnread(bytes: Uint8Array): number | undefined {
  const { fd } = native().openMemoryFile()
  if (fd === undefined) return undefined
  try {
    native().writeAt(fd, 0, bytes)
    return fd
  } catch {
    closeFile(fd)
    return undefined
  }
}

/** Reads the first `length` bytes of such a file, and closes it. @returns undefined if it has not as many. */
export function takeUnread(file: number | undefined, length: number): Uint8Array | undefined {
  try {
    if (length === 0) return NOTHING
    if (file === undefined) return undefined
    return new Uint8Array(native().mapFile(file, 0, length))
  } catch {
    return undefined
  } finally {
    closeFile(file)
  }
}
