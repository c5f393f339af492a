// ends: 1
console.log('before')
Promise.reject('no error, but text')
