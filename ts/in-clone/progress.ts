import { calledInClones } from './precompile.js'

/** Function called with each reported value; `undefined` outside a task. */
let receiver: ((value: unknown) => void) | undefined

/**
In a clone made by `run`, passes `value` to the `onProgress` option of the call. Does nothing elsewhere or if nobody
listens, so the same function works in both processes.

@throws {QcloneError} `ERR_QCLONE_UNSERIALIZABLE` if the value cannot be serialized.
@example
```ts
import { reportProgress, run } from 'node-qclone'

await run.with({ onProgress: (percent) => console.log(`${percent} %`) })(() => {
  for (let percent = 0; percent <= 100; percent += 10) reportProgress(percent)
})
```
*/
export function reportProgress(value: unknown): void {
  receiver?.(value)
}

/** Sets the function called with each value reported from now on. */
export function onReport(receive: ((value: unknown) => void) | undefined): void {
  receiver = receive
}

calledInClones(onReport)
