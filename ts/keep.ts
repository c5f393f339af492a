import { fstatSync } from 'node:fs'
import { QcloneError } from './errors.js'
import { shown } from './validate.js'

/** Something that is open: a descriptor, or an object that has one, such as a socket, server or file handle. */
export type Keepable = number | { readonly fd: number } | NodeJS.EventEmitter

/** Node tells a socket's descriptor by its handle alone. */
interface Handled {
  readonly _handle?: { readonly fd?: unknown } | null
}

/** @throws {TypeError} when `value` is neither a descriptor nor has one, {@link RangeError} when it is not open. */
export function expectKeepable(value: unknown, name: string): asserts value is Keepable {
  const object = typeof value === 'object' && value !== null && ('fd' in value || '_handle' in value)
  if (typeof value !== 'number' && !object) {
    throw new TypeError(
      `Expected \`${name}\` to be a descriptor, socket, server or file handle, got ${shown(value)}`,
    )
  }
  if (openDescriptor(value as Keepable) === undefined) {
    throw new RangeError(`Expected \`${name}\` to be open, got ${shown(value)}`)
  }
}

/** What of it can be kept right before a fork: all, or an error that says why not, and whether that may pass. */
export function descriptorsOf(
  keep: readonly Keepable[],
): { descriptors: number[] } | { refusal: QcloneError; transient: boolean } {
  // What is closed never drains.
  const descriptors = keep.map(openDescriptor)
  const closed = descriptors.indexOf(undefined)
  if (closed !== -1) {
    return refusal(`what the clone was to keep has been closed: ${shown(keep[closed])}`, false)
  }
  const pending = pendingBytes(keep)
  if (pending > 0) {
    return refusal(
      `${pending} bytes written to what the clone is to keep have not left yet: fork when they have`,
      true,
    )
  }
  return { descriptors: descriptors as number[] }
}

function refusal(message: string, transient: boolean) {
  return { refusal: new QcloneError('ERR_QCLONE_KEEP', message), transient }
}

/** Bytes that were written to what is to be kept, and have not left: both sides would send them. */
function pendingBytes(keep: readonly Keepable[]): number {
  const pending = (item: Keepable) => Number((item as { writableLength?: number }).writableLength ?? 0)
  return keep.reduce<number>((sum, item) => sum + pending(item), 0)
}

function openDescriptor(item: Keepable): number | undefined {
  const fd =
    typeof item === 'number' ? item : ((item as { fd?: unknown }).fd ?? (item as Handled)._handle?.fd)
  if (typeof fd !== 'number' || !Number.isInteger(fd) || fd < 0) return undefined
  try {
    fstatSync(fd)
    return fd
  } catch {
    return undefined
  }
}
