process.emitWarning('told on stderr', 'CustomWarning', 'CODE1')
process.on('warning', ({ name, code }) => console.log(name, code))
setImmediate(() => console.log('end'))
