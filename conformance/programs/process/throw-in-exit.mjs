// ends: 3
process.exitCode = 3
process.on('exit', (code) => {
  console.log('exit', code)
  throw new Error('on the way out')
})
