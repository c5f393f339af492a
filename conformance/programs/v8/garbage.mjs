import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')
let object = { big: new Array(1000).fill('x') }
const weak = new WeakRef(object)
const registry = new FinalizationRegistry((held) => {
  console.log('finalized', held, weak.deref())
  clearInterval(wait)
  // A registry that is itself collected tells of nothing.
  registry.unregister(weak)
})
registry.register(object, 'the object', weak)
console.log(weak.deref() === object)
object = undefined
const wait = setInterval(gc, 2)
