const timer = setTimeout(() => {}, 2 ** 40)
clearTimeout(timer)
process.on('warning', ({ name }) => console.log(name))
setImmediate(() => console.log('end'))
