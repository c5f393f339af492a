const Module = require('node:module')
const { builtinModules, createRequire, findPackageJSON } = Module

console.log(builtinModules.includes('fs'), typeof Module._load, Module.isBuiltin('node:test'))
require.extensions['.txt'] ??= (module, filename) => {
  module.exports = require('node:path').basename(filename)
}
const wrapped = new Module('virtual')
wrapped._compile('module.exports = __filename.toUpperCase()', 'virtual.js')
console.log(wrapped.exports, typeof createRequire, typeof (findPackageJSON ?? (() => {})))
const before = require('../support/counter.cjs')
delete require.cache[require.resolve('../support/counter.cjs')]
console.log(before !== require('../support/counter.cjs'))
