// package: bson
// row: `bson`, with [a handler](#ids-and-buffers-that-packages-keep)
// parent: draws ids
// clone: draws one
import { ObjectId } from 'bson'
import { differ } from './lib/ids.mjs'

export const { use, inClone, after } = differ(() => new ObjectId().toHexString())

export function remedy() {
  ObjectId.resetState()
}
