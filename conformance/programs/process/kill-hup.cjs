// ends: SIGHUP
console.log('before')
process.on('exit', () => console.log('never'))
setInterval(() => {}, 1000)
setImmediate(() => process.kill(process.pid, 'SIGHUP'))
