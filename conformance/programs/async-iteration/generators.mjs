async function* countdown(from) {
  try {
    for (let n = from; n > 0; n--) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      yield n
    }
  } finally {
    console.log('cleaned up')
  }
}
for await (const n of countdown(5)) {
  console.log(n)
  if (n === 3) break
}
const manual = countdown(2)
console.log(await manual.next(), await manual.return('early'), await manual.next())
