// ends: SIGUSR2
const listener = () => console.log('told')
process.on('SIGUSR2', listener)
setInterval(() => {}, 1000)
process.once('SIGUSR2', () => {
  process.off('SIGUSR2', listener)
  setImmediate(() => process.kill(process.pid, 'SIGUSR2'))
})
process.kill(process.pid, 'SIGUSR2')
