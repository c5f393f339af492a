process.stdout.write('one\n', () => {
  console.log('written')
  process.exit()
})
console.log(process.stdout.isTTY, process.stdout.writable)
setInterval(() => {}, 1000)
