const late = setTimeout(() => console.log('never'), 1)
setImmediate(() => clearTimeout(late))
const second = setImmediate(() => console.log('never either'))
clearImmediate(second)
const number = Number(setTimeout(() => console.log('nor this'), 1))
clearTimeout(number)
clearTimeout(undefined)
console.log('cleared')
const until = Date.now() + 5
while (Date.now() < until);
setTimeout(() => console.log('end'), 1)
clearTimeout(late)
