import { createContext, isContext, runInContext, runInNewContext, Script } from 'node:vm'

const sandbox = createContext({ n: 1, log: [] })
runInContext('n += 41; var made = n; log.push(typeof process)', sandbox)
console.log(sandbox.n, sandbox.made, sandbox.log, isContext(sandbox))
const script = new Script('base * 2', { filename: 'twice.js' })
console.log([1, 2, 3].map((base) => script.runInNewContext({ base })))
try {
  runInNewContext('for (;;);', {}, { timeout: 20 })
} catch ({ code }) {
  console.log(code)
}
try {
  new Script('let x = ;', { filename: 'broken.js' })
} catch (error) {
  console.log(error.name, error.stack.split('\n')[0])
}
