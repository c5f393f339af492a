const pooled = Array.from({ length: 500 }, (_, i) => Buffer.from(`number ${i}`))
console.log(pooled.every((buffer, i) => buffer.toString() === `number ${i}`))
const whole = Buffer.from('0123456789')
const part = whole.subarray(2, 5)
part[0] = 88
console.log(
  whole.toString(),
  Buffer.concat([part, whole], 8).toString(),
  whole.indexOf('56'),
  whole.equals(part),
)
console.log(
  Buffer.compare(Buffer.from('a'), Buffer.from('b')),
  whole.swap16().toString(),
  whole.fill('ab').toString(),
)
console.log(JSON.stringify(part), Buffer.allocUnsafe(5).length, Buffer.byteLength('é'))
