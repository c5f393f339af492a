// ends: 5
process.on('exit', (code) => {
  console.log('exit', code)
  process.exitCode = 5
})
