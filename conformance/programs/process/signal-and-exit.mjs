// ends: 143
process.on('SIGTERM', () => {
  console.log('shutting down')
  setImmediate(() => process.exit(128 + 15))
})
setInterval(() => {}, 1000)
setImmediate(() => process.kill(process.pid))
