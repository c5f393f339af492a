import { aborted } from 'node:util'

const [a, b] = [new AbortController(), new AbortController()]
const any = AbortSignal.any([a.signal, b.signal])
any.addEventListener('abort', ({ type, isTrusted }) => console.log(type, isTrusted, any.reason))
aborted(any, {}).then(() => console.log('told by util.aborted'))
b.abort('for a reason')
console.log(a.signal.aborted, any.aborted)
try {
  any.throwIfAborted()
} catch (reason) {
  console.log('threw', reason)
}
console.log(AbortSignal.abort().reason.name)
