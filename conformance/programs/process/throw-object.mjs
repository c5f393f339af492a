// ends: 1
console.log('before')
setTimeout(() => {
  throw { code: 'E_PLAIN', detail: [1, 2] }
}, 1)
