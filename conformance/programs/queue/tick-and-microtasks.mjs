const log = (text) => () => console.log(text)
setImmediate(log('immediate'))
process.nextTick(log('tick 1'))
Promise.resolve().then(log('promise 1')).then(log('promise 2'))
queueMicrotask(() => {
  log('microtask')()
  process.nextTick(log('tick of microtask'))
})
process.nextTick(() => {
  log('tick 2')()
  queueMicrotask(log('microtask of tick'))
  process.nextTick(log('tick of tick'))
})
log('module')()
