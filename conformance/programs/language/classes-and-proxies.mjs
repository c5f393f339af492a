class Counter {
  #count = 0
  static #made = 0
  static {
    Counter.label = 'counter'
  }
  constructor() {
    Counter.#made++
  }
  get next() {
    return ++this.#count
  }
  static made = () => Counter.#made
}
const counter = new Counter()
console.log(counter.next, counter.next, new Counter() && Counter.made(), Counter.label)
const logged = []
const proxy = new Proxy({}, { get: (_, key) => logged.push(key), has: () => true })
console.log(proxy.first, proxy.second, 'anything' in proxy, logged, Reflect.ownKeys({ b: 1, a: 2, 1: 0 }))
console.log(
  ((a, { b = 2, ...rest } = {}, ...more) => [a, b, rest, more])(1, { c: 3 }, 4),
  2n ** 64n,
  0.1 + 0.2,
)
