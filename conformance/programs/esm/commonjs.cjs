const path = require('node:path')

console.log(path.basename(__filename), path.basename(__dirname), module.children.length, typeof exports)
const even = import('../support/even.mjs')
even.then(({ isEven }) => console.log(isEven(4)))
try {
  require('./missing.cjs')
} catch ({ code }) {
  console.log(code)
}
console.log(Object.keys(require.cache).some((file) => file.endsWith('commonjs.cjs')))
