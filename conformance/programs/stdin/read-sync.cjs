const { readFileSync, fstatSync } = require('node:fs')

console.log(readFileSync(0).length, fstatSync(0).isCharacterDevice())
process.stdin.resume().on('close', () => console.log('closed'))
