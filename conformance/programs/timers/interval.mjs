let ticks = 0
const interval = setInterval(() => {
  console.log('tick', ++ticks)
  if (ticks === 5) clearInterval(interval)
}, 3)
