process.setUncaughtExceptionCaptureCallback(({ message }) => {
  console.log('captured', message)
  process.setUncaughtExceptionCaptureCallback(null)
})
console.log(process.hasUncaughtExceptionCaptureCallback())
process.on('exit', () => console.log(process.hasUncaughtExceptionCaptureCallback()))
setImmediate(() => {
  throw new Error('in the air')
})
