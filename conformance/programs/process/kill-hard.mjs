// ends: SIGKILL
console.log('the last line')
process.kill(process.pid, 'SIGKILL')
