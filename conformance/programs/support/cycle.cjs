const half = require('../esm/require-cycle.cjs')

exports.seen = Object.keys(half)
