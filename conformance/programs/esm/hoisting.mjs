import '../support/first.mjs'

console.log('after its imports')

// Evaluated before any line of this module.
import '../support/second.mjs'
