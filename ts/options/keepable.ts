import { fstatSync } from 'node:fs'
import { handleOf, hasHandle } from '../node-internals/handles.js'
import { QcloneError } from '../types/errors.js'
import { shown } from './validate.js'

/** File descriptor, or an object that has one, such as a socket, server or file handle. */
export type Keepable =
  | number
  | {
      /** Descriptor. */
      readonly fd: number
    }
  | NodeJS.EventEmitter

/** @throws {TypeError} if `value` neither is nor has a file descriptor, {@link RangeError} if it is not open. */
export function expectKeepable(value: unknown, name: string): asserts value is Keepable {
  const object = typeof value === 'object' && value !== null && ('fd' in value || hasHandle(value))
  if (typeof value !== 'number' && !object) {
    throw new TypeError(
      `Expected \`${name}\` to be a file descriptor, socket, server or file handle, got ${shown(value)}`,
    )
  }
  if (openDescriptor(value as Keepable) === undefined) {
    throw new RangeError(`Expected \`${name}\` to be open, got ${shown(value)}`)
  }
}

/**
Returns the descriptors of all handles right before a fork, or the reason one is unavailable and whether that may pass.
*/
export function descriptorsOf(
  keep: readonly Keepable[],
): { descriptors: number[] } | { refusal: QcloneError; transient: boolean } {
  // Closed handles first: their pending bytes are never sent, so waiting is useless.
  const descriptors = keep.map(openDescriptor)
  const closed = descriptors.indexOf(undefined)
  if (closed !== -1) {
    return refusal(
      `a handle in \`keep\` has been closed: ${shown(keep[closed])}; leave it out, or keep it open until the fork`,
      false,
    )
  }
  const pending = pendingBytes(keep)
  if (pending > 0) {
    return refusal(
      `${pending} bytes written to handles in \`keep\` are still pending: wait for \`drain\` before cloning`,
      true,
    )
  }
  return { descriptors: descriptors as number[] }
}

function refusal(message: string, transient: boolean) {
  return { refusal: new QcloneError('ERR_QCLONE_HANDLE_UNAVAILABLE', message), transient }
}

/** Counts the bytes still pending on kept handles, which both processes would send. */
function pendingBytes(keep: readonly Keepable[]): number {
  const pending = (item: Keepable) => Number((item as { writableLength?: number }).writableLength ?? 0)
  return keep.reduce<number>((sum, item) => sum + pending(item), 0)
}

function openDescriptor(item: Keepable): number | undefined {
  // Only the handle of a socket has its descriptor.
  const fd: unknown = typeof item === 'number' ? item : ((item as { fd?: unknown }).fd ?? handleOf(item)?.fd)
  if (typeof fd !== 'number' || !Number.isInteger(fd) || fd < 0) return undefined
  try {
    fstatSync(fd)
    return fd
  } catch {
    return undefined
  }
}
