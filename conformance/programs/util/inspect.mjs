import { format, inspect, isDeepStrictEqual, stripVTControlCharacters, styleText } from 'node:util'

const cyclic = { name: 'cyclic', list: [1, [2, [3, [4]]]], map: new Map([['k', new Set([1n])]]) }
cyclic.self = cyclic
console.log(inspect(cyclic, { depth: 4, sorted: true }))
console.log(format('%s %d %i %j %o %%', 'text', 1.5, 2.9, { a: 1 }, [null]))
console.log(isDeepStrictEqual([{ a: new Date(0) }], [{ a: new Date(0) }]))
console.log(stripVTControlCharacters(styleText?.('red', 'red') ?? 'red'))
class Secret {
  [inspect.custom] = () => '<secret>'
}
console.log(inspect(new Proxy({}, {}), { showProxy: true }), [new Secret()])
