const bytes = Uint8Array.from(
  Buffer.from('AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags=', 'base64'),
)
const module = await WebAssembly.compile(bytes)
const instance = await WebAssembly.instantiate(module)
const both = await WebAssembly.instantiate(bytes)
console.log(instance.exports.add(1, 2), both.instance.exports.add(3, 4))
await WebAssembly.compile(new Uint8Array([0, 1, 2])).catch(({ name }) => console.log(name))
