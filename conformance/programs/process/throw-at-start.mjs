// ends: 1
console.log('before')
console.error('to stderr')
throw new TypeError('thrown by the module')
