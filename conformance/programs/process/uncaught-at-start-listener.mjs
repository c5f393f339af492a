process.on('uncaughtException', ({ message }) => console.log('caught', message))
process.on('exit', (code) => console.log('exit', code))
setTimeout(() => console.log('the loop goes on'), 1)
throw new Error('while it was evaluated')
