import { customAlphabet, nanoid } from 'nanoid'
import { handlers, run } from '../../../../dist/index.js'

const undo = handlers.inClone.shim((prev, kind) => {
  // Uses up the pool, which holds 128 ids of the longest size drawn so far.
  for (let i = 0; i < 128; i++) nanoid(64)
  prev(kind)
})
const digits = customAlphabet('0123456789', 20)
const draw = () => [nanoid(), nanoid(40), digits()]
draw()
const ids = [...(await run(draw)), ...(await run(draw)), ...(await run(() => run(draw))), ...draw()]
console.log(new Set(ids).size, ids.length)
undo()
