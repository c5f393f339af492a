const error = new RangeError('cloned', { cause: 'why' })
const source = { error, set: new Set([1, 'two']), buffer: new ArrayBuffer(8), nested: [[], {}], big: -1n }
const copy = structuredClone(source, { transfer: [source.buffer] })
console.log(
  copy.error instanceof RangeError,
  copy.error.message,
  copy.error.cause,
  copy.set,
  source.buffer.byteLength,
)
for (const odd of [() => {}, Symbol('s'), new WeakMap()]) {
  try {
    structuredClone(odd)
  } catch ({ name, code }) {
    console.log(name, code)
  }
}
class Point {
  constructor(x) {
    this.x = x
  }
}
console.log(structuredClone(new Point(3)) instanceof Point, structuredClone(new Point(3)).x)
