process.on('uncaughtException', (error, origin) => {
  console.log(error.message, origin)
  if (error.message === 'second') setImmediate(() => console.log('still here'))
})
process.on('uncaughtExceptionMonitor', (error) => console.log('monitor:', error.message))
setTimeout(() => {
  throw new Error('first')
}, 1)
setTimeout(() => Promise.reject(new Error('second')), 10)
