// ends: 13
console.log('waiting')
await new Promise(() => {})
