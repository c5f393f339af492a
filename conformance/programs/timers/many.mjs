const fired = new Map()
for (let i = 0; i < 2000; i++) {
  const delay = 1 + (i % 20)
  const timer = setTimeout(() => fired.set(delay, (fired.get(delay) ?? 0) + 1), delay)
  if (i % 3 === 0) clearTimeout(timer)
}
setTimeout(() => console.log([...fired].sort(([a], [b]) => a - b).join(' ')), 60)
