import { callbackify, debuglog, deprecate, inherits, promisify, types } from 'node:util'

const add = (a, b, done) => setImmediate(done, a < 0 ? new RangeError('negative') : null, a + b)
console.log(await promisify(add)(1, 2))
await promisify(add)(-1, 2).catch(({ message }) => console.log(message))
callbackify(async (x) => x * 2)(21, (error, value) => console.log(error, value))
console.log(types.isPromise(Promise.resolve()), types.isProxy(new Proxy({}, {})), types.isExternal({}))
debuglog('unset')('not printed')
process.on('warning', ({ name, code, message }) => console.log(name, code, message))
deprecate(() => {}, 'use another', 'DEP_TEST')()
function Base() {}
function Derived() {}
inherits(Derived, Base)
console.log(new Derived() instanceof Base)
