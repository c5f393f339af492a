import { Buffer } from 'node:buffer'
import { native } from '../../native.js'
import { closeFile } from '../../parent/launch.js'

const NOTHING = Buffer.alloc(0)

/**
Writes input that was read but not handled to a file in memory, for another process.

@returns the file's descriptor, or undefined if none can be made.
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

/** Reads the first `length` bytes of such a file, and closes it. @returns undefined if it has fewer. */
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
