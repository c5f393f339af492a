import { randomBytes } from 'node:crypto'
import { ObjectId } from 'bson'
import { handlers, run } from '../../../../dist/index.js'

// Bytes 4 to 8 tell processes apart, and were drawn in the parent.
const { generate } = ObjectId
let ofProcess
ObjectId.generate = (time) => {
  const id = generate.call(ObjectId, time)
  if (ofProcess) id.set(ofProcess, 4)
  return id
}
const undo = handlers.inClone.shim((prev, kind) => {
  ofProcess = randomBytes(5)
  prev(kind)
})
const draw = () => [new ObjectId().toHexString(), new ObjectId().toHexString()]
draw()
const ids = [...(await run(draw)), ...(await run(draw)), ...(await run(() => run(draw))), ...draw()]
console.log(new Set(ids).size, ids.length)
undo()
