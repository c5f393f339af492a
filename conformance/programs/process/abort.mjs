// ends: SIGABRT
console.log('aborting')
process.abort()
