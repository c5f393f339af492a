// package: nanoid
// row: `nanoid`, with [a handler](#ids-and-buffers-that-packages-keep)
// parent: draws ids
// clone: draws one
import { nanoid } from 'nanoid'
import { differ } from './lib/ids.mjs'

export const { use, inClone, after } = differ(() => nanoid())

export function remedy() {
  for (let i = 0; i < 128; i++) nanoid(64)
}
