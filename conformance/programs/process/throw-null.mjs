// ends: 1
console.log('before')
setImmediate(() => {
  throw null
})
