exports.early = 'set before'
const { seen } = require('../support/cycle.cjs')
exports.late = 'set after'
console.log(seen)
