process.stdout.on('finish', () => console.error('finished'))
console.log('the last line')
process.stdout.end('truly\n')
