// reader: slow
process.stdout.write('x'.repeat(3_000_000), () => console.error('written'))
console.log('and then')
