console.log(process.kill(process.pid, 0))
for (const args of [
  [process.pid, 'SIGNOPE'],
  ['x', 0],
  [2 ** 30, 0],
]) {
  try {
    process.kill(...args)
  } catch ({ name, code }) {
    console.log(name, code)
  }
}
