async function walk(name, steps) {
  for (let step = 0; step < steps; step++) {
    console.log(name, step)
    await null
  }
}
const both = Promise.all([walk('a', 3), walk('b', 2)])
console.log('started')
await both
console.log('done')
