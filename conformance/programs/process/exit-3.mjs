// ends: 3
setInterval(() => {}, 1000)
setTimeout(() => {
  console.log('leaving')
  process.exit(3)
}, 5)
