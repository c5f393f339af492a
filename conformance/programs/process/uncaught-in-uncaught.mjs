// ends: 7
process.on('uncaughtException', (error) => {
  console.log('caught', error.message)
  throw new Error('thrown by the listener')
})
process.on('exit', (code) => console.log('exit', code))
setImmediate(() => {
  throw new Error('first')
})
