const after = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value))
const fail = (ms, text) => after(ms).then(() => Promise.reject(new Error(text)))
console.log(await Promise.race([after(500, 'slow'), after(1, 'fast')]))
console.log(await Promise.any([fail(1, 'x'), after(3, 'any')]))
await Promise.any([fail(1, 'a'), fail(2, 'b')]).catch(({ name, errors }) =>
  console.log(name, errors.map(String)),
)
const settled = await Promise.allSettled([after(1, 'ok'), fail(2, 'bad')])
for (const { status, value, reason } of settled) console.log(status, value ?? reason.message)
process.exit()
