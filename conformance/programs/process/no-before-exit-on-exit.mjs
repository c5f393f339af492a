// ends: 1
process.on('beforeExit', () => console.log('never'))
process.on('exit', (code) => {
  console.log('exit', code)
  setTimeout(() => console.log('never'), 0)
  Promise.resolve().then(() => console.log('never'))
  process.nextTick(() => console.log('never'))
})
process.exit(1)
