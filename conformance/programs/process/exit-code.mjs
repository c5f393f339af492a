// ends: 42
process.exitCode = 42
process.on('exit', (code) => console.log('exit', code))
console.log('set')
