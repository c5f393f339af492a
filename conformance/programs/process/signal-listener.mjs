process.on('SIGUSR2', (name, number) => {
  console.log(name, number)
  clearInterval(wait)
})
process.once('SIGHUP', () => process.kill(process.pid, 'SIGUSR2'))
const wait = setInterval(() => {}, 1000)
process.kill(process.pid, 'SIGHUP')
