// ends: 1
console.log('before')
throw new TypeError('thrown by the module')
