import { calledInClones } from './clone-context/ahead.js'

/** What becomes of what a task reports; undefined outside of a task. */
let receiver: ((value: unknown) => void) | undefined

/**
Tells the parent how far a task is: in a clone made by `run`, gives `value` to the option `onProgress` of its call.
Anywhere else, and when nobody listens, nothing happens, so that a function can be called in either process.

@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` when it cannot travel.
*/
export function report(value: unknown): void {
  receiver?.(value)
}

/** Says what becomes of what is reported from here on. */
export function onReport(receive: ((value: unknown) => void) | undefined): void {
  receiver = receive
}

calledInClones(onReport)
