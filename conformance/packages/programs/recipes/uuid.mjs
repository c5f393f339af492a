import { v4, v7 } from 'uuid'
import { v4 as v4Of8 } from 'uuid-8'
import { handlers, run } from '../../../../dist/index.js'

const undo = handlers.inClone.shim((prev, kind) => {
  // Use up the pools of random bytes, which hold 16 ids each. The second is of uuid 8 and older.
  for (let i = 0; i < 16; i++) v7()
  for (let i = 0; i < 16; i++) v4Of8()
  prev(kind)
})
const draw = () => [v4(), v7(), v4Of8()]
draw()
const ids = [...(await run(draw)), ...(await run(draw)), ...(await run(() => run(draw))), ...draw()]
console.log(new Set(ids).size, ids.length)
undo()
