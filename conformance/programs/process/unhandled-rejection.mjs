// ends: 1
process.on('exit', (code) => console.log('exit', code))
console.log('before')
async function fail() {
  throw new TypeError('rejected in vain')
}
setImmediate(fail)
setTimeout(() => console.log('never'), 50)
