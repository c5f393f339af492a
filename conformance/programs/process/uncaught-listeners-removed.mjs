// ends: 1
process.removeAllListeners('uncaughtException')
console.log('nobody is to be told')
setImmediate(() => {
  throw new Error('as if no listener had ever been there')
})
