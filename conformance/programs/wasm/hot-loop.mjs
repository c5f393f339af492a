// (func (export "sum") (param $n i32) (result i32): the sum of 1 to n, by a loop
const bytes = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 115, 117, 109, 0, 0, 10,
  32, 1, 30, 1, 1, 127, 3, 64, 32, 0, 4, 64, 32, 1, 32, 0, 106, 33, 1, 32, 0, 65, 1, 107, 33, 0, 12, 1, 11,
  11, 32, 1, 11,
])
const { instance } = await WebAssembly.instantiate(bytes)
for (let i = 0; i < 2000; i++) instance.exports.sum(1000)
console.log(instance.exports.sum(1000), instance.exports.sum(3_000_000) | 0)
