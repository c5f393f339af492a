const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 })
new Uint8Array(memory.buffer)[10] = 99
console.log(memory.grow(2), memory.buffer.byteLength, new Uint8Array(memory.buffer)[10])
try {
  memory.grow(1)
} catch (error) {
  console.log(error.name)
}
const table = new WebAssembly.Table({ initial: 2, element: 'anyfunc' })
console.log(table.length, table.get(0))
const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
console.log(shared.buffer instanceof SharedArrayBuffer, new WebAssembly.Global({ value: 'i64' }, 5n).value)
