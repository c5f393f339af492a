// (func (export "add") (param i32 i32) (result i32))
const bytes = Uint8Array.from(
  Buffer.from('AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABagsACgRuYW1lAgMBAAA=', 'base64'),
)
console.log(WebAssembly.validate(bytes.subarray(0, 41)))
const module = new WebAssembly.Module(bytes.subarray(0, 41))
const { add } = new WebAssembly.Instance(module).exports
console.log(add(40, 2), WebAssembly.Module.exports(module))
