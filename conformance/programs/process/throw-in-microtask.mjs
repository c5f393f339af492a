// ends: 1
queueMicrotask(() => {
  console.log('microtask')
  throw new URIError('in a microtask')
})
Promise.resolve().then(() => console.log('runs before the error ends it?'))
