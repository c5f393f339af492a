const early = Promise.reject(new Error('handled late'))
process.on('unhandledRejection', (reason, promise) => {
  console.log('unhandled:', reason.message, promise === early)
  setImmediate(() => early.catch(() => console.log('handled')))
})
process.on('rejectionHandled', (promise) => console.log('rejectionHandled', promise === early))
