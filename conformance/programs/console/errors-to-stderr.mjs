console.log('to stdout')
console.error('to stderr: %d', 42)
console.warn('a warning')
console.assert(1 > 2, 'asserted in vain')
