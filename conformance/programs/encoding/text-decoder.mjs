const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0x68, 0xc3, 0xa9])
console.log(
  new TextDecoder().decode(bytes),
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).length,
)
console.log(
  new TextDecoder('windows-1252').decode(new Uint8Array([0x80])),
  new TextDecoder('utf-16le').encoding,
)
console.log(new TextDecoder('shift_jis').decode(new Uint8Array([0x93, 0xfa, 0x96, 0x7b])))
const streaming = new TextDecoder()
console.log(streaming.decode(bytes.subarray(3, 5), { stream: true }), streaming.decode(bytes.subarray(5)))
try {
  new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff]))
} catch ({ name, code }) {
  console.log(name, code)
}
console.log(new TextEncoder().encodeInto('añ', new Uint8Array(2)))
