import { compileFunction, constants, measureMemory, runInThisContext, Script } from 'node:vm'

const source = '(function add(a, b) { return a + b })'
const script = new Script(source)
console.log(script.runInThisContext()(1, 2))
const again = new Script(source, { cachedData: script.createCachedData() })
console.log(again.cachedDataRejected, again.runInThisContext()(3, 4))
console.log(compileFunction('return a * outer', ['a'], { contextExtensions: [{ outer: 5 }] })(6))
globalThis.shared = 'global'
console.log(runInThisContext('shared'), typeof measureMemory, typeof constants)
