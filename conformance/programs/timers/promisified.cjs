const { promisify } = require('node:util')

const sleep = promisify(setTimeout)
sleep(3, 'slept')
  .then((value) => console.log(value))
  .then(() => promisify(setImmediate)('immediately'))
  .then((value) => console.log(value))
