const shared = new SharedArrayBuffer(16, { maxByteLength: 32 })
const ints = new Int32Array(shared)
Atomics.store(ints, 0, 5)
console.log(
  Atomics.add(ints, 0, 3),
  Atomics.compareExchange(ints, 0, 8, 1),
  Atomics.load(ints, 0),
  Atomics.isLockFree(4),
)
console.log(Atomics.wait(ints, 0, 1, 5), Atomics.notify(ints, 0))
shared.grow(32)
console.log(shared.byteLength, ints.length)
