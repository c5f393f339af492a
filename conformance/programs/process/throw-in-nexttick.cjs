// ends: 1
process.nextTick(() => {
  console.log('tick')
  throw new EvalError('in a tick')
})
process.nextTick(() => console.log('never'))
