// ends: 1
process.on('uncaughtExceptionMonitor', ({ message }, origin) => console.log('seen:', message, origin))
setImmediate(() => {
  throw new Error('watched, not caught')
})
