const bytes = Uint8Array.from(
  Buffer.from('AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags=', 'base64'),
)
const response = () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } })
const { instance } = await WebAssembly.instantiateStreaming(response())
console.log(instance.exports.add(20, 3))
const module = await WebAssembly.compileStreaming(Promise.resolve(response()))
console.log(WebAssembly.Module.exports(module).length)
await WebAssembly.compileStreaming(new Response(bytes)).catch(({ name, code }) => console.log(name, code))
