// ends: SIGTERM
console.log('before')
setInterval(() => {}, 1000)
process.kill(process.pid, 'SIGTERM')
