for (const name of ['a', 'b', 'c']) {
  setImmediate(() => {
    console.log(name)
    process.nextTick(() => console.log(name, 'tick'))
    setImmediate(() => console.log(name, 'next round'))
  })
}
