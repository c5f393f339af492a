// reader: slow
// ends: 1
for (let i = 0; i < 30; i++) process.stdout.write(`${String(i).repeat(50_000)}\n`)
process.stdout.write('all of it\n', () => {
  throw new Error('after much output')
})
