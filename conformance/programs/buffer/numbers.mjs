const buffer = Buffer.alloc(32)
buffer.writeDoubleBE(Math.PI, 0)
buffer.writeBigInt64LE(-(2n ** 40n), 8)
buffer.writeUInt32BE(0xdeadbeef, 16)
buffer.writeIntLE(-12345, 20, 6)
console.log(buffer.toString('hex'), buffer.readDoubleBE(0), buffer.readBigInt64LE(8), buffer.readIntLE(20, 6))
try {
  buffer.writeInt8(200)
} catch ({ name, code, message }) {
  console.log(name, code, message)
}
