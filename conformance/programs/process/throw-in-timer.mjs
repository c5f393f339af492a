// ends: 1
process.on('exit', (code) => console.log('exit', code))
setTimeout(() => {
  throw new RangeError('out of reach')
}, 1)
