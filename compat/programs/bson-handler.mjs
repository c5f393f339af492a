// package: bson
// row: `bson`, with [a handler](#ids-and-buffers-that-packages-keep)
// parent: draws ids
// clone: draws one
import { randomBytes } from 'node:crypto'
import { ObjectId } from 'bson'
import { differ } from './lib/ids.mjs'

// Bytes 4 to 8 tell processes apart, and were drawn in the parent.
const { generate } = ObjectId
let ofProcess
ObjectId.generate = (time) => {
  const id = generate.call(ObjectId, time)
  if (ofProcess) id.set(ofProcess, 4)
  return id
}

export const { use, inClone, after } = differ(() => new ObjectId().toHexString())

export function remedy() {
  ofProcess = randomBytes(5)
}
